-- The contract's function on drivers.

-- The ranked drivers of a change, most dollars first; no row: nothing stands out. With `p_with_drift` a last row of kind
-- `drift` tells what everything else did alike. Money in USD. `excess_usd` is what the driver added beyond that drift:
-- the excesses of all drivers and the drift's sum to the change of the measure (of spend; for `cost_per_request` of what
-- the window's requests would have cost before). `ratio` is what its cost (per request) did, the drift `drift_ratio`;
-- `strength` is the gain in log-likelihood, 7 at least; the drift's row has that of the whole change against the noise of
-- its calls, and as `drift_ratio`, where nothing stands out, what most cells did. Of a version or model that is new and replaced others
-- (`is_new`) cost per request, tokens per call and terms are set against those. The terms are those of `compare` with the driver as filters. `source`: `calls`, or the rollup that
-- answered in their stead.
CREATE TYPE genai.driver_row AS (
    place integer, kind text, name text, endpoint text, prompt_version text, provider text, model text, tenant text,
    service text, "user" text, is_new boolean, excess_usd numeric, share_of_change double precision,
    ratio double precision, drift_ratio double precision, strength double precision,
    cost_usd numeric, baseline_cost_usd numeric, delta_usd numeric, requests bigint, baseline_requests bigint,
    calls bigint, baseline_calls bigint, cost_per_request_usd numeric, baseline_cost_per_request_usd numeric,
    errors bigint, baseline_errors bigint, successes bigint, baseline_successes bigint, unpriced_calls bigint,
    output_tokens_per_call double precision, baseline_output_tokens_per_call double precision,
    input_tokens_per_call double precision, baseline_input_tokens_per_call double precision,
    volume_usd numeric, attempts_usd numeric, mix_usd numeric, tokens_usd numeric, price_usd numeric, new_usd numeric,
    gone_usd numeric, input_tokens_usd numeric, output_tokens_usd numeric, cached_tokens_usd numeric, top_term text,
    source text
);

-- The rows of drivers from their cells; `p_drift` is what was left did.
CREATE FUNCTION genai.driver_rows(p_cells genai.driver_cell[], p_drift double precision, p_change double precision)
RETURNS SETOF genai.driver_row LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH member AS MATERIALIZED (
        SELECT m.place, m.mask, m.gain, m.own, m.replaced, m.before, m.now, (m.usage).*
        FROM unnest(p_cells) m WHERE m.place IS NOT NULL
    ), driver AS (
        SELECT c.place AS found, bit_or(c.mask) AS mask, max(c.gain) AS strength, bool_or(c.replaced) AS is_new,
            min(c.endpoint_tag) AS endpoint, min(c.prompt_version) FILTER (WHERE NOT c.replaced) AS prompt_version,
            count(DISTINCT c.endpoint_tag) AS endpoints,
            min(c.provider) FILTER (WHERE NOT c.replaced) AS provider, min(c.model) FILTER (WHERE NOT c.replaced) AS model,
            min(c.tenant_id) FILTER (WHERE NOT c.replaced) AS tenant, min(c.service_name) AS service,
            min(c.user_id) FILTER (WHERE NOT c.replaced) AS "user",
            sum(c.now - p_drift * c.before) FILTER (WHERE c.own) AS excess,
            sum(c.now) FILTER (WHERE NOT c.replaced) / nullif(sum(c.before) FILTER (WHERE NOT c.replaced), 0) AS ratio,
            sum(c.k1) FILTER (WHERE NOT c.replaced) AS k1, sum(c.k0) FILTER (WHERE NOT c.replaced) AS k0,
            sum(c.n1) FILTER (WHERE NOT c.replaced) AS n1, sum(c.n0) FILTER (WHERE NOT c.replaced) AS n0,
            sum(c.c1) FILTER (WHERE NOT c.replaced) AS c1, sum(c.c0) AS past_calls,
            sum(c.c0) FILTER (WHERE NOT c.replaced) AS c0, sum(c.k0) AS past_cost, sum(c.n0) AS past_requests,
            sum(c.errors1) AS errors1, sum(c.errors0) AS errors0, sum(c.successes1) AS successes1,
            sum(c.successes0) AS successes0, sum(c.unpriced1) AS unpriced1,
            sum(c.tokens1[4]) FILTER (WHERE NOT c.replaced) AS output1, sum(c.tokens0[4]) AS output0,
            sum(c.tokens1[1] + c.tokens1[2] + c.tokens1[3]) FILTER (WHERE NOT c.replaced) AS input1,
            sum(c.tokens0[1] + c.tokens0[2] + c.tokens0[3]) AS input0, min(c.source) AS source
        FROM member c
        GROUP BY c.place
    ), term AS MATERIALIZED (
        SELECT t.* FROM genai.driver_terms(genai.model_cells(
            ARRAY(SELECT m.place::text FROM unnest(p_cells) m WHERE m.place IS NOT NULL),
            ARRAY(SELECT m.usage FROM unnest(p_cells) m WHERE m.place IS NOT NULL))) t
    )
    SELECT row_number() OVER (ORDER BY abs(r.excess) DESC, r.found)::integer, 'driver',
        concat_ws(' · ', n.endpoint, n.prompt_version, n.model, n.tenant, n.service, n."user"),
        n.endpoint, n.prompt_version, CASE WHEN n.model IS NOT NULL THEN r.provider END, n.model, n.tenant, n.service,
        n."user", r.is_new, round(r.excess::numeric * 1e-12, 12),
        r.excess / nullif(p_change, 0), r.ratio, p_drift, r.strength,
        genai.usd_of(r.k1), genai.usd_of(r.k0), genai.usd_of(r.k1 - r.k0), r.n1::bigint, r.n0::bigint, r.c1::bigint, r.c0::bigint,
        round(r.k1 * 1e-12 / nullif(r.n1, 0), 12), round(r.past_cost * 1e-12 / nullif(r.past_requests, 0), 12),
        r.errors1::bigint, r.errors0::bigint, r.successes1::bigint, r.successes0::bigint, r.unpriced1::bigint,
        (r.output1 / nullif(r.c1, 0))::float8, (r.output0 / nullif(r.past_calls, 0))::float8,
        (r.input1 / nullif(r.c1, 0))::float8, (r.input0 / nullif(r.past_calls, 0))::float8,
        t.volume_usd, t.attempts_usd, t.mix_usd, t.tokens_usd, t.price_usd, t.new_usd, t.gone_usd, t.input_tokens_usd,
        t.output_tokens_usd, t.cached_tokens_usd, t.top_term, r.source
    FROM driver r
    CROSS JOIN LATERAL (
        -- A version that only one endpoint has is told with it.
        SELECT CASE WHEN r.mask & 1023 <> 0 OR r.mask & (1023::bigint << 10) <> 0 AND r.endpoints = 1 THEN r.endpoint END AS endpoint,
            CASE WHEN r.mask & (1023::bigint << 10) <> 0 THEN r.prompt_version END AS prompt_version,
            CASE WHEN r.mask & (1023::bigint << 20) <> 0 THEN r.model END AS model,
            CASE WHEN r.mask & (1023::bigint << 30) <> 0 THEN r.tenant END AS tenant,
            CASE WHEN r.mask & (1023::bigint << 40) <> 0 THEN r.service END AS service,
            CASE WHEN r.mask & (1023::bigint << 50) <> 0 THEN r."user" END AS "user"
    ) n
    LEFT JOIN term t ON t.place = r.found
$$;

-- The row that tells what everything else did alike.
CREATE FUNCTION genai.drift_row(p_cells genai.driver_cell[], p_drift double precision, p_change double precision)
RETURNS SETOF genai.driver_row LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT NULL::integer, 'drift', 'everything else', NULL, NULL, NULL, NULL, NULL, NULL, NULL, false,
        round(((p_drift - 1) * c.before)::numeric * 1e-12, 12), (p_drift - 1) * c.before / nullif(p_change, 0), p_drift,
        coalesce(c.alike, p_drift), power(p_change, 2) / nullif(2 * c.variance, 0),
        genai.usd_of(c.k1), genai.usd_of(c.k0), genai.usd_of(c.k1 - c.k0), c.n1::bigint, c.n0::bigint, c.c1::bigint, c.c0::bigint,
        round(c.k1 * 1e-12 / nullif(c.n1, 0), 12), round(c.k0 * 1e-12 / nullif(c.n0, 0), 12),
        c.errors1::bigint, c.errors0::bigint, c.successes1::bigint, c.successes0::bigint, c.unpriced1::bigint,
        NULL::float8, NULL::float8, NULL::float8, NULL::float8, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric,
        NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL::text, c.source
    FROM (
        SELECT sum(m.before) AS before, sum(m.variance) AS variance, CASE WHEN count(m.place) = 0 THEN min(m.drift) END AS alike,
            sum((m.usage).k1) AS k1, sum((m.usage).k0) AS k0, sum((m.usage).n1) AS n1, sum((m.usage).n0) AS n0,
            sum((m.usage).c1) AS c1, sum((m.usage).c0) AS c0, sum((m.usage).errors1) AS errors1,
            sum((m.usage).errors0) AS errors0, sum((m.usage).successes1) AS successes1,
            sum((m.usage).successes0) AS successes0, sum((m.usage).unpriced1) AS unpriced1, min((m.usage).source) AS source
        FROM unnest(p_cells) m WHERE m.own AND NOT m.replaced
    ) c
    WHERE c.source IS NOT NULL
$$;
