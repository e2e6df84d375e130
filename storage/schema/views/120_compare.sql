-- ranges: storage/schema/measures.py
-- What changed between two windows, and exactly why (LEDGER §10).

-- p50 and p95 of a latency histogram: log-linear inside a bucket; what is above the last bound reads as that bound.
CREATE FUNCTION genai.latency_quantiles(p_counts numeric[])
RETURNS TABLE (p50_ms double precision, p95_ms double precision) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        min(q.ms) FILTER (WHERE q.reached >= 0.50 * q.total AND q.share = 0.50),
        min(q.ms) FILTER (WHERE q.reached >= 0.95 * q.total AND q.share = 0.95)
    FROM (
        SELECT b.reached, b.total, s.share, CASE
            WHEN b.bucket = 1 THEN 100 * inside.part
            WHEN b.bucket = array_length(p_counts, 1) THEN 100 * power(2, (b.bucket - 2) / 2.0::float8)
            ELSE 100 * power(2, (b.bucket - 2 + inside.part) / 2.0::float8)
        END AS ms
        FROM (
            SELECT u.bucket, u.calls, sum(u.calls) OVER (ORDER BY u.bucket) AS reached, sum(u.calls) OVER () AS total
            FROM unnest(p_counts) WITH ORDINALITY u (calls, bucket)
            WHERE u.calls > 0
        ) b
        CROSS JOIN (VALUES (0.50), (0.95)) s (share)
        CROSS JOIN LATERAL (
            SELECT greatest((s.share * b.total - b.reached + b.calls) / b.calls, 0)::float8 AS part
        ) inside
    ) q
$$;

-- Endpoints, prompt versions, users and tenants are judged per request, models, families and providers per call (LEDGER §5).
CREATE FUNCTION genai.judged_per_call(p_dimension text, p_model text, p_provider text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT genai.splits_by(p_dimension, '{model,family,provider}') OR coalesce(p_model, '*') <> '*' OR coalesce(p_provider, '*') <> '*'
$$;

-- Whether a baseline is enough to divide by: a twentieth of the calls of now.
CREATE FUNCTION genai.is_comparable(p_calls_before numeric, p_calls numeric)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(20 * p_calls_before >= coalesce(p_calls, 0), false)
$$;

-- One row per segment (a value of the dimension) and one for the total, which counts all segments, also those beyond
-- `p_limit`. Money is USD, exact to the last pico-dollar: volume + attempts + mix + tokens + price + new + gone =
-- delta, and the five classes of tokens = tokens. For models and providers a request is a call (LEDGER §5).
CREATE FUNCTION genai.compare(
    p_from timestamptz, p_to timestamptz, p_baseline text DEFAULT 'previous', p_env text DEFAULT 'prod',
    p_data_mode text DEFAULT 'real', p_dimension text DEFAULT 'endpoint', p_endpoint text DEFAULT NULL,
    p_prompt_version text DEFAULT NULL, p_user text DEFAULT NULL, p_tenant text DEFAULT NULL,
    p_model text DEFAULT NULL, p_provider text DEFAULT NULL, p_service text DEFAULT NULL,
    p_limit integer DEFAULT 200
) RETURNS TABLE (
    is_total boolean, segment text, cost_usd numeric, baseline_cost_usd numeric, delta_usd numeric,
    delta_ratio double precision, share_of_delta double precision,
    volume_usd numeric, attempts_usd numeric, mix_usd numeric, tokens_usd numeric, price_usd numeric,
    new_usd numeric, gone_usd numeric,
    input_tokens_usd numeric, cache_read_tokens_usd numeric, cache_write_tokens_usd numeric,
    output_tokens_usd numeric, other_tokens_usd numeric,
    top_term text, top_term_usd numeric, top_segment text, top_segment_delta_usd numeric,
    requests bigint, baseline_requests bigint, calls bigint, baseline_calls bigint,
    cost_per_request_usd numeric, baseline_cost_per_request_usd numeric,
    tokens_per_request double precision, baseline_tokens_per_request double precision,
    success_ratio double precision, baseline_success_ratio double precision,
    errors bigint, baseline_errors bigint, cancelled bigint, baseline_cancelled bigint,
    attempts_per_success double precision, baseline_attempts_per_success double precision,
    wasted_usd numeric, baseline_wasted_usd numeric,
    p50_ms double precision, baseline_p50_ms double precision, p95_ms double precision,
    baseline_p95_ms double precision,
    unpriced_calls bigint, baseline_unpriced_calls bigint, uncertain_calls bigint, baseline_uncertain_calls bigint,
    uncertain_share double precision, baseline_uncertain_share double precision,
    error_without_usage_calls bigint, baseline_error_without_usage_calls bigint,
    from_used timestamptz, to_used timestamptz, baseline_from_used timestamptz, baseline_to_used timestamptz,
    unread_spans bigint, baseline_unread_spans bigint
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH usage AS MATERIALIZED (   -- by name: what is materialized is summed, whether it is read or not
        SELECT u.side, u.segment, u.provider, u.model, {calls..errors: u.#}, {input_tokens..cache_write_tokens: u.#},
            {input_cost_pico_usd..error_without_usage_calls: u.#}, {latency_b00..latency_b23: u.#}, u.cost_pico_usd
        FROM genai.usage_of_both(
            p_from, p_to, p_baseline, p_env, p_data_mode, p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant,
            p_model, p_provider, p_service) u
    ), used AS MATERIALIZED (
        SELECT c.from_used, c.to_used, b.from_used AS baseline_from_used, b.to_used AS baseline_to_used
        FROM genai.window_ranges(p_from, p_to, genai.window_source(
            p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service)) c
        CROSS JOIN genai.window_ranges(
            genai.baseline_from(p_from, p_to, p_baseline), genai.baseline_to(p_from, p_to, p_baseline),
            genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service)) b
    ), figure AS MATERIALIZED (
        SELECT
            f.*,
            CASE WHEN genai.judged_per_call(p_dimension, p_model, p_provider) THEN f.calls ELSE f.requests
                END AS judged_by
        FROM (
            SELECT u.side, coalesce(u.segment, '') AS segment, grouping(u.segment) = 1 AS is_total,
                sum(u.calls) AS calls, sum(u.requests) AS requests, sum(u.successes) AS successes, sum(u.errors)
                AS errors, sum(u.input_tokens) AS input_tokens, sum(u.output_tokens) AS output_tokens,
                sum(u.cache_read_tokens) AS cache_read_tokens, sum(u.cache_write_tokens) AS cache_write_tokens,
                {input_cost_pico_usd..error_without_usage_calls: sum(u.#) AS #},
                sum(u.cost_pico_usd) AS cost,
                sum(genai.unit_count(genai.judged_per_call(p_dimension, p_model, p_provider), u.requests, u.calls,
                    u.unpriced_calls, u.error_without_usage_calls)) AS priced_by,
                ARRAY[
                    {latency_b00..latency_b23: sum(u.#)}
                ] AS latency
            FROM usage u
            GROUP BY GROUPING SETS ((u.side, u.segment), (u.side))
        ) f
    ), cell AS (
        -- A model without any priced call in both windows stands beside the decomposition, in no term.
        SELECT
            u.segment,
            coalesce(sum(u.requests) FILTER (WHERE u.side = 0), 0) AS n0,
            coalesce(sum(u.requests) FILTER (WHERE u.side = 1), 0) AS n1,
            coalesce(sum(u.calls) FILTER (WHERE u.side = 0), 0) AS c0,
            coalesce(sum(u.calls) FILTER (WHERE u.side = 1), 0) AS c1,
            greatest(0, coalesce(sum(u.input_tokens - u.cache_read_tokens - u.cache_write_tokens)
                FILTER (WHERE u.side = 0), 0)) AS input_t0,
            greatest(0, coalesce(sum(u.input_tokens - u.cache_read_tokens - u.cache_write_tokens)
                FILTER (WHERE u.side = 1), 0)) AS input_t1,
            coalesce(sum(u.cache_read_tokens) FILTER (WHERE u.side = 0), 0) AS cache_read_t0,
            coalesce(sum(u.cache_read_tokens) FILTER (WHERE u.side = 1), 0) AS cache_read_t1,
            coalesce(sum(u.cache_write_tokens) FILTER (WHERE u.side = 0), 0) AS cache_write_t0,
            coalesce(sum(u.cache_write_tokens) FILTER (WHERE u.side = 1), 0) AS cache_write_t1,
            coalesce(sum(u.output_tokens) FILTER (WHERE u.side = 0), 0) AS output_t0,
            coalesce(sum(u.output_tokens) FILTER (WHERE u.side = 1), 0) AS output_t1,
            coalesce(sum(u.input_cost_pico_usd) FILTER (WHERE u.side = 0), 0) AS input_k0,
            coalesce(sum(u.input_cost_pico_usd) FILTER (WHERE u.side = 1), 0) AS input_k1,
            coalesce(sum(u.cache_read_cost_pico_usd) FILTER (WHERE u.side = 0), 0) AS cache_read_k0,
            coalesce(sum(u.cache_read_cost_pico_usd) FILTER (WHERE u.side = 1), 0) AS cache_read_k1,
            coalesce(sum(u.cache_write_cost_pico_usd) FILTER (WHERE u.side = 0), 0) AS cache_write_k0,
            coalesce(sum(u.cache_write_cost_pico_usd) FILTER (WHERE u.side = 1), 0) AS cache_write_k1,
            coalesce(sum(u.output_cost_pico_usd) FILTER (WHERE u.side = 0), 0) AS output_k0,
            coalesce(sum(u.output_cost_pico_usd) FILTER (WHERE u.side = 1), 0) AS output_k1,
            coalesce(sum(u.other_cost_pico_usd) FILTER (WHERE u.side = 0), 0) AS other_k0,
            coalesce(sum(u.other_cost_pico_usd) FILTER (WHERE u.side = 1), 0) AS other_k1,
            coalesce(sum(u.cost_pico_usd) FILTER (WHERE u.side = 0), 0) AS k0,
            coalesce(sum(u.cost_pico_usd) FILTER (WHERE u.side = 1), 0) AS k1
        FROM usage u
        GROUP BY u.segment, u.provider, u.model
        HAVING sum(u.calls) > sum(u.unpriced_calls)
    ), term AS (
        SELECT t.*
        FROM (SELECT array_agg(ROW(
                c.segment, c.n0, c.n1, c.c0, c.c1, c.k0, c.k1,
                ARRAY[c.input_t0, c.cache_read_t0, c.cache_write_t0, c.output_t0, c.c0],
                ARRAY[c.input_t1, c.cache_read_t1, c.cache_write_t1, c.output_t1, c.c1],
                ARRAY[c.input_k0, c.cache_read_k0, c.cache_write_k0, c.output_k0, c.other_k0],
                ARRAY[c.input_k1, c.cache_read_k1, c.cache_write_k1, c.output_k1, c.other_k1])::genai.model_cell) AS cells
            FROM cell c OFFSET 0) g
        CROSS JOIN LATERAL genai.terms_of(g.cells, genai.judged_per_call(p_dimension, p_model, p_provider)) t
    ), change AS (
        SELECT
            is_total, segment, coalesce(c.cost, 0) AS cost, coalesce(b.cost, 0) AS baseline_cost,
            coalesce(c.cost, 0) - coalesce(b.cost, 0) AS delta, c, b
        FROM (SELECT f.* FROM figure f WHERE f.side = 1) c
        FULL JOIN (SELECT f.* FROM figure f WHERE f.side = 0) b USING (is_total, segment)
    ), driven AS (
        SELECT
            x.*, t.volume, t.attempts, t.mix, t.price, t.new, t.gone,
            t.input_tokens, t.cache_read_tokens, t.cache_write_tokens, t.output_tokens, t.other_tokens,
            t.input_tokens + t.cache_read_tokens + t.cache_write_tokens + t.output_tokens + t.other_tokens AS tokens,
            row_number() OVER (ORDER BY x.is_total DESC, abs(x.delta) DESC, x.cost DESC, x.segment) AS place
        FROM change x
        LEFT JOIN (
            SELECT false AS is_total, t.* FROM term t
            UNION ALL
            SELECT true, '', coalesce(sum(t.volume), 0), coalesce(sum(t.attempts), 0), coalesce(sum(t.mix), 0),
                coalesce(sum(t.input_tokens), 0), coalesce(sum(t.cache_read_tokens), 0),
                coalesce(sum(t.cache_write_tokens), 0), coalesce(sum(t.output_tokens), 0),
                coalesce(sum(t.other_tokens), 0), coalesce(sum(t.price), 0), coalesce(sum(t.new), 0),
                coalesce(sum(t.gone), 0)
            FROM term t
        ) t ON t.is_total = x.is_total AND t.segment = x.segment
    )
    SELECT
        d.is_total, CASE WHEN d.is_total THEN 'total' ELSE d.segment END,
        d.cost * 1e-12, d.baseline_cost * 1e-12, d.delta * 1e-12,
        CASE WHEN genai.is_comparable((d.b).calls, (d.c).calls) THEN (d.delta / nullif(d.baseline_cost, 0))::float8 END,
        (d.delta / nullif(whole.delta, 0))::float8,
        coalesce(d.volume, 0) * 1e-12, coalesce(d.attempts, 0) * 1e-12, coalesce(d.mix, 0) * 1e-12,
        coalesce(d.tokens, 0) * 1e-12, coalesce(d.price, 0) * 1e-12, coalesce(d.new, 0) * 1e-12,
        coalesce(d.gone, 0) * 1e-12, coalesce(d.input_tokens, 0) * 1e-12, coalesce(d.cache_read_tokens, 0) *
        1e-12, coalesce(d.cache_write_tokens, 0) * 1e-12, coalesce(d.output_tokens, 0) * 1e-12,
        coalesce(d.other_tokens, 0) * 1e-12,
        top.term, top.amount * 1e-12,
        CASE WHEN d.is_total THEN worst.segment END, CASE WHEN d.is_total THEN worst.delta * 1e-12 END,
        coalesce((d.c).requests, 0)::bigint, coalesce((d.b).requests, 0)::bigint, coalesce((d.c).calls,
        0)::bigint, coalesce((d.b).calls, 0)::bigint,
        round(d.cost * 1e-12 / nullif((d.c).priced_by, 0), 12),
        round(d.baseline_cost * 1e-12 / nullif((d.b).priced_by, 0), 12),
        (((d.c).input_tokens + (d.c).output_tokens) / nullif((d.c).judged_by, 0))::float8,
        (((d.b).input_tokens + (d.b).output_tokens) / nullif((d.b).judged_by, 0))::float8,
        ((d.c).successes / nullif((d.c).successes + (d.c).errors, 0))::float8,
        ((d.b).successes / nullif((d.b).successes + (d.b).errors, 0))::float8,
        coalesce((d.c).errors, 0)::bigint, coalesce((d.b).errors, 0)::bigint, coalesce((d.c).calls -
        (d.c).successes - (d.c).errors, 0)::bigint, coalesce((d.b).calls - (d.b).successes - (d.b).errors,
        0)::bigint,
        ((d.c).calls / nullif((d.c).successes, 0))::float8, ((d.b).calls / nullif((d.b).successes, 0))::float8,
        coalesce((d.c).wasted_cost_pico_usd, 0) * 1e-12, coalesce((d.b).wasted_cost_pico_usd, 0) * 1e-12,
        lc.p50_ms, lb.p50_ms, lc.p95_ms, lb.p95_ms,
        coalesce((d.c).unpriced_calls, 0)::bigint, coalesce((d.b).unpriced_calls, 0)::bigint,
        coalesce((d.c).uncertain_calls, 0)::bigint, coalesce((d.b).uncertain_calls, 0)::bigint,
        ((d.c).uncertain_calls / nullif((d.c).calls, 0))::float8,
        ((d.b).uncertain_calls / nullif((d.b).calls, 0))::float8,
        coalesce((d.c).error_without_usage_calls, 0)::bigint, coalesce((d.b).error_without_usage_calls,
        0)::bigint,
        used.from_used, used.to_used, used.baseline_from_used, used.baseline_to_used,
        unread.now, unread.before
    FROM driven d
    CROSS JOIN used
    LEFT JOIN (SELECT x.delta FROM change x WHERE x.is_total) whole ON true
    LEFT JOIN LATERAL (
        SELECT x.segment, x.delta FROM change x
        WHERE d.is_total AND NOT x.is_total
        ORDER BY x.delta * sign(d.delta) DESC, abs(x.delta) DESC, x.segment
        LIMIT 1
    ) worst ON true
    LEFT JOIN LATERAL (
        SELECT v.term, v.amount
        FROM (VALUES
            ('volume', d.volume), ('attempts', d.attempts), ('mix', d.mix), ('tokens', d.tokens), ('price', d.price),
            ('new', d.new), ('gone', d.gone)
        ) v (term, amount)
        WHERE v.amount <> 0
        ORDER BY v.amount * sign(d.delta) DESC, abs(v.amount) DESC
        LIMIT 1
    ) top ON true
    CROSS JOIN LATERAL (
        -- What could not be read belongs to a service, and to no other segment.
        SELECT genai.unread_spans(used.from_used, used.to_used, p_env, p_data_mode, s.service) AS now,
            genai.unread_spans(used.baseline_from_used, used.baseline_to_used, p_env, p_data_mode, s.service) AS before
        FROM (SELECT CASE WHEN d.is_total THEN p_service ELSE d.segment END AS service) s
        WHERE d.is_total OR p_dimension = 'service'
        UNION ALL
        SELECT 0, 0 WHERE NOT (d.is_total OR p_dimension = 'service')
    ) unread
    LEFT JOIN LATERAL genai.latency_quantiles((d.c).latency) lc ON true
    LEFT JOIN LATERAL genai.latency_quantiles((d.b).latency) lb ON true
    WHERE d.place <= p_limit + 1 OR p_limit IS NULL
    ORDER BY d.place
$$;
