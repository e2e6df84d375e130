-- What the rules of `classify` look at beside the terms and the drivers (LEDGER §25).

-- Whether a count moved beyond three deviations, at twice a Poisson process's variance.
CREATE FUNCTION genai.beyond_counts(p_before numeric, p_now numeric)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(power(p_now - p_before, 2) >= 9 * 2 * (p_now + p_before), false)
$$;

-- Whether somebody moved by more than the noise of counts: the calls did, or each of some calls costs half as much again.
CREATE FUNCTION genai.has_moved(p_calls_before numeric, p_calls numeric, p_cost_before numeric, p_cost numeric)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT genai.beyond_counts(p_calls_before, p_calls) OR least(p_calls_before, p_calls) >= 5
        AND greatest(p_cost * p_calls_before, p_cost_before * p_calls)
            >= 1.5 * least(p_cost * p_calls_before, p_cost_before * p_calls)
$$;

-- The identity with most of the added calls (`added_calls_by`, a user before its tenant), and the one with most of the
-- change, first those that are `p_share` of it and `p_growth` times their usual share of the cost (`cost_by`). `moved`: its
-- own calls or cost moved beyond the noise of counts.
CREATE FUNCTION genai.identities_of_change(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text,
    p_delta numeric, p_cost numeric, p_before numeric, p_added numeric, p_share numeric, p_growth numeric
) RETURNS TABLE (added_calls_by jsonb, cost_by jsonb) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH person AS MATERIALIZED (
        SELECT u.user_id, u.tenant_id, sum(u.calls) FILTER (WHERE u.side = 0) AS c0, sum(u.calls) FILTER (WHERE u.side = 1) AS c1,
            sum(u.cost_pico_usd) FILTER (WHERE u.side = 0) AS k0, sum(u.cost_pico_usd) FILTER (WHERE u.side = 1) AS k1
        FROM genai.spend_of_both(
            p_from, p_to, p_baseline, p_env, p_data_mode, 'user', p_endpoint, p_prompt_version, p_user, p_tenant,
            p_model, p_service, p_provider) u
        GROUP BY u.user_id, u.tenant_id
    ), identity AS MATERIALIZED (
        SELECT i.kind, i.value, coalesce(i.c0, 0) AS c0, coalesce(i.c1, 0) AS c1, coalesce(i.k0, 0) * 1e-12 AS k0,
            coalesce(i.k1, 0) * 1e-12 AS k1
        FROM (
            SELECT CASE WHEN grouping(p.user_id) = 0 THEN 'user' ELSE 'tenant' END AS kind, coalesce(p.user_id, p.tenant_id) AS value,
                sum(p.c0) AS c0, sum(p.c1) AS c1, sum(p.k0) AS k0, sum(p.k1) AS k1
            FROM person p
            GROUP BY GROUPING SETS ((p.user_id), (p.tenant_id))
        ) i
        WHERE genai.is_named(i.value)
    ), busiest AS (
        SELECT i.kind, i.value, i.c0, i.c1, (i.c1 - i.c0) / nullif(p_added, 0) AS share,
            genai.beyond_counts(i.c0, i.c1) AS moved
        FROM identity i
        WHERE p_added > 0
        ORDER BY i.c1 - i.c0 DESC, i.kind DESC, i.value
        LIMIT 1
    ), most_expensive AS (
        SELECT i.kind, i.value, i.k0, i.k1, (i.k1 - i.k0) / nullif(p_delta, 0) AS share,
            i.k1 / nullif(p_cost, 0) AS cost_share, i.k0 / nullif(p_before, 0) AS baseline_cost_share,
            genai.has_moved(i.c0, i.c1, i.k0, i.k1) AS moved
        FROM identity i
        ORDER BY
            genai.has_moved(i.c0, i.c1, i.k0, i.k1) DESC,
            (i.k1 - i.k0) * sign(p_delta) >= p_share * abs(p_delta) AND i.k1 / nullif(p_cost, 0)
                >= p_growth * coalesce(i.k0 / nullif(p_before, 0), 0) DESC NULLS LAST,
            (i.k1 - i.k0) * sign(p_delta) DESC, i.kind DESC, i.value
        LIMIT 1
    )
    SELECT (SELECT to_jsonb(b) FROM busiest b), (SELECT to_jsonb(e) FROM most_expensive e)
$$;

-- New versions (at most `p_new_share` of their calls before): their part in what the same requests would have cost at each
-- endpoint's own cost per request, and the one that adds most, with what its requests `read` and `written` against the
-- endpoint's before; the model with most of the change; the one most of whose
-- calls have no price. Endpoints of one window only have nothing to be judged by.
CREATE FUNCTION genai.versions_of_change(
    p_cells genai.usage_cell[], p_per_call boolean, p_delta numeric, p_new_share numeric
) RETURNS TABLE (deploy jsonb, model jsonb, unpriced_model text) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH cell AS MATERIALIZED (
        SELECT u.endpoint_tag, u.prompt_version, u.provider || '/' || u.model AS model,
            sum(CASE WHEN p_per_call THEN u.c0 ELSE u.n0 END) AS n0, sum(CASE WHEN p_per_call THEN u.c1 ELSE u.n1 END) AS n1,
            sum(u.c0) AS c0, sum(u.c1) AS c1, sum(u.k0) * 1e-12 AS k0, sum(u.k1) * 1e-12 AS k1, sum(u.unpriced1) AS unpriced,
            sum(u.tokens0[1] + u.tokens0[2] + u.tokens0[3]) AS i0, sum(u.tokens1[1] + u.tokens1[2] + u.tokens1[3]) AS i1,
            sum(u.tokens0[4]) AS o0, sum(u.tokens1[4]) AS o1
        FROM unnest(p_cells) u
        GROUP BY u.endpoint_tag, u.prompt_version, u.provider, u.model
    ), version AS MATERIALIZED (
        SELECT c.endpoint_tag, c.prompt_version, sum(c.n1) AS n1, sum(c.k1) AS k1, u.usd AS unit_usd,
            sum(c.k1) - sum(c.n1) * u.usd AS excess, sum(c.i1) / nullif(sum(c.n1), 0) / nullif(u.input, 0) AS read,
            sum(c.o1) / nullif(sum(c.n1), 0) / nullif(u.output, 0) AS written,
            sum(c.c0) <= p_new_share * sum(c.c1) AND genai.is_named(c.prompt_version) AS is_new
        FROM cell c
        JOIN (
            SELECT c.endpoint_tag, sum(c.k0) / sum(c.n0) AS usd, sum(c.i0) / sum(c.n0) AS input, sum(c.o0) / sum(c.n0) AS output
            FROM cell c
            GROUP BY c.endpoint_tag
            HAVING sum(c.n0) > 0 AND sum(c.n1) > 0
        ) u ON u.endpoint_tag = c.endpoint_tag
        GROUP BY c.endpoint_tag, c.prompt_version, u.usd, u.input, u.output
    ), deploy AS (
        SELECT v.part, v.of_new, v.of_new / nullif(v.part, 0) AS share, v.part / nullif(p_delta, 0) AS part_of_delta,
            n.endpoint_tag, n.prompt_version, n.unit_usd, n.k1 / nullif(n.n1, 0) AS new_unit_usd, n.n1,
            round(n.read, 6) AS read, round(n.written, 6) AS written
        FROM (
            SELECT sum(v.excess) AS part, coalesce(sum(v.excess) FILTER (WHERE v.is_new), 0) AS of_new FROM version v
        ) v
        LEFT JOIN LATERAL (
            SELECT n.* FROM version n WHERE n.is_new
            ORDER BY n.excess * sign(v.part) DESC, n.prompt_version, n.endpoint_tag LIMIT 1
        ) n ON true
    ), model AS (
        SELECT c.model, sum(c.k0) AS k0, sum(c.k1) AS k1, sum(c.c0) AS c0, sum(c.c1) AS c1
        FROM cell c GROUP BY c.model
        ORDER BY (sum(c.k1) - sum(c.k0)) * sign(p_delta) DESC, c.model
        LIMIT 1
    )
    SELECT (SELECT to_jsonb(d) FROM deploy d), (SELECT to_jsonb(m) FROM model m), (
        SELECT c.model FROM cell c GROUP BY c.model HAVING sum(c.unpriced) > 0 ORDER BY sum(c.unpriced) DESC, c.model LIMIT 1)
$$;

-- Usage by hour and series; `last_seen` of a series is an index lookup.
CREATE VIEW genai.series_seen AS
SELECT s.id, s.environment, s.data_mode, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model,
    first.bucket AS first_seen, last.bucket AS last_seen
FROM _genai.series s
CROSS JOIN LATERAL (
    SELECT u.bucket FROM _genai.usage_hour u WHERE u.series_id = s.id ORDER BY u.bucket LIMIT 1
) first
CROSS JOIN LATERAL (
    SELECT u.bucket FROM _genai.usage_hour u WHERE u.series_id = s.id ORDER BY u.bucket DESC LIMIT 1
) last;

-- When the data of a selection begin; NULL without any.
CREATE FUNCTION genai.data_from(p_env text, p_data_mode text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT min(s.first_seen) FROM genai.series_seen s
    WHERE (coalesce(p_env, '*') = '*' OR s.environment = ANY (string_to_array(p_env, ',')))
        AND (coalesce(p_data_mode, '*') = '*' OR s.data_mode = p_data_mode)
$$;

-- Whether a selection has data before a time: found at the first series that has.
CREATE FUNCTION genai.has_data_before(p_env text, p_data_mode text, p_time timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM genai.series_of(p_env, p_data_mode, NULL, NULL, NULL, NULL, NULL) s
        CROSS JOIN LATERAL (SELECT m.bucket FROM genai.measured_hour m WHERE m.series_id = s.id ORDER BY m.bucket LIMIT 1) first
        WHERE first.bucket < p_time)
$$;

-- The whole of a change from its cells: figures, and the terms of its endpoints, in USD. `estimate`: what calls without a
-- price would cost, by tokens, at what the endpoint pays for a token, else all do.
CREATE TYPE genai.change_total AS (
    calls numeric, baseline_calls numeric, n1 numeric, n0 numeric, priced numeric, baseline_priced numeric, cost_usd numeric, baseline_cost_usd numeric,
    delta_usd numeric, tokens numeric, baseline_tokens numeric, successes numeric, baseline_successes numeric, errors numeric,
    baseline_errors numeric, unpriced numeric, baseline_unpriced numeric, estimate_usd numeric,
    baseline_estimate_usd numeric, terms jsonb, more_usd numeric, top_endpoint text
);

CREATE FUNCTION genai.total_of_change(p_cells genai.usage_cell[], p_per_call boolean)
RETURNS SETOF genai.change_total LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH cell AS MATERIALIZED (
        SELECT c.*, c.tokens0[1] + c.tokens0[2] + c.tokens0[3] + c.tokens0[4] AS t0,
            c.tokens1[1] + c.tokens1[2] + c.tokens1[3] + c.tokens1[4] AS t1
        FROM unnest(p_cells) c
    ), paid AS MATERIALIZED (
        SELECT c.endpoint_tag, grouping(c.endpoint_tag) = 1 AS is_all,
            sum(c.k0 + c.k1) / nullif(sum((c.t0 + c.t1) * (c.c0 + c.c1 - c.unpriced0 - c.unpriced1) / (c.c0 + c.c1)), 0) AS price
        FROM cell c
        WHERE c.c0 + c.c1 > 0
        GROUP BY GROUPING SETS ((c.endpoint_tag), ())
    ), estimate AS (
        SELECT sum(c.t1 * c.unpriced1 / nullif(c.c1, 0) * coalesce(nullif(e.price, 0), a.price)) AS now,
            sum(c.t0 * c.unpriced0 / nullif(c.c0, 0) * coalesce(nullif(e.price, 0), a.price)) AS before
        FROM cell c
        LEFT JOIN paid e ON e.endpoint_tag = c.endpoint_tag AND NOT e.is_all
        LEFT JOIN paid a ON a.is_all
        WHERE c.unpriced0 + c.unpriced1 > 0
    ), term AS (
        SELECT sum(t.volume) AS volume, sum(t.attempts) AS attempts, sum(t.mix) AS mix,
            sum(t.input_tokens + t.cache_read_tokens + t.cache_write_tokens + t.output_tokens + t.other_tokens) AS tokens,
            sum(t.price) AS price, sum(t.new) AS new, sum(t.gone) AS gone
        FROM genai.terms_of(genai.model_cells(ARRAY(SELECT c.endpoint_tag FROM unnest(p_cells) c), p_cells), p_per_call) t
    ), whole AS (
        SELECT coalesce(sum(c.c1), 0) AS c1, coalesce(sum(c.c0), 0) AS c0, coalesce(sum(c.n1), 0) AS n1,
            coalesce(sum(c.n0), 0) AS n0, genai.usd_of(coalesce(sum(c.k1), 0)) AS k1, genai.usd_of(coalesce(sum(c.k0), 0)) AS k0,
            sum(c.t1) AS t1, sum(c.t0) AS t0, sum(c.successes1) AS s1, sum(c.successes0) AS s0, sum(c.errors1) AS e1,
            sum(c.errors0) AS e0, coalesce(sum(c.unpriced1), 0) AS u1, coalesce(sum(c.unpriced0), 0) AS u0,
            sum(genai.unit_count(p_per_call, c.n1, c.c1, c.unpriced1, 0)) AS p1,
            sum(genai.unit_count(p_per_call, c.n0, c.c0, c.unpriced0, 0)) AS p0
        FROM cell c
    )
    SELECT w.c1, w.c0, CASE WHEN p_per_call THEN w.c1 ELSE w.n1 END, CASE WHEN p_per_call THEN w.c0 ELSE w.n0 END, w.p1, w.p0,
        w.k1, w.k0, w.k1 - w.k0, w.t1, w.t0, w.s1, w.s0, w.e1, w.e0, w.u1, w.u0,
        coalesce(round(e.now) * 1e-12, 0), coalesce(round(e.before) * 1e-12, 0),
        jsonb_build_object('volume_usd', m.volume, 'attempts_usd', m.attempts, 'mix_usd', m.mix, 'tokens_usd', m.tokens,
            'price_usd', m.price, 'new_usd', m.new, 'gone_usd', m.gone),
        m.volume + m.new + m.gone, (
            SELECT c.endpoint_tag FROM cell c GROUP BY c.endpoint_tag
            ORDER BY sum(c.k1 - c.k0) * sign(w.k1 - w.k0) DESC, abs(sum(c.k1 - c.k0)) DESC, c.endpoint_tag LIMIT 1)
    FROM whole w
    CROSS JOIN estimate e
    CROSS JOIN (
        SELECT genai.usd_of(coalesce(t.volume, 0)) AS volume, genai.usd_of(coalesce(t.attempts, 0)) AS attempts,
            genai.usd_of(coalesce(t.mix, 0)) AS mix, genai.usd_of(coalesce(t.tokens, 0)) AS tokens,
            genai.usd_of(coalesce(t.price, 0)) AS price, genai.usd_of(coalesce(t.new, 0)) AS new,
            genai.usd_of(coalesce(t.gone, 0)) AS gone
        FROM term t
    ) m
$$;
