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

-- Half of the way there and back, from the start to one point of it: both points rounded half up to whole
-- pico-dollars, the halves settled by floors of the running sum. A sum of quotients that should end in exactly one
-- half may fall short of it by 1e-38; the bias of 1e-20 puts that right and moves nothing else.
CREATE FUNCTION genai.settled(p_there numeric, p_back numeric, p_change numeric)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Times 0.5, not divided by 2: a quotient of 17 digits and more has no decimals.
    SELECT floor(0.5 * (
        floor(p_there + 0.50000000000000000001) - floor(p_back + 0.50000000000000000001) + p_change))
$$;

-- `p_amount` for `p_to_count` instead of `p_from_count`; `p_otherwise` where there was nothing. Forty digits.
CREATE FUNCTION genai.scaled(p_amount numeric, p_from_count numeric, p_to_count numeric, p_otherwise numeric)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_from_count = 0 THEN p_otherwise WHEN p_amount = 0 THEN 0
        ELSE round(p_amount * p_to_count, 40) / p_from_count END
$$;

-- Endpoints, prompt versions, users and tenants are judged per request, models, families and providers per call (LEDGER §5).
CREATE FUNCTION genai.judged_per_call(p_dimension text, p_model text, p_provider text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_dimension IN ('model', 'family', 'provider') OR coalesce(p_model, '*') <> '*' OR coalesce(p_provider, '*') <> '*'
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
    WITH usage AS MATERIALIZED (
        SELECT u.*
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
    ), class AS (
        -- From the baseline's cost of each class to what the window's calls, then the window's tokens, would have
        -- cost, and the same way back.
        SELECT
            c.segment, k.class,
            sum(genai.scaled(k.k0, c.c0, c.c1, k.k1)) AS mix_there,
            sum(genai.scaled(k.k1, c.c1, c.c0, k.k0)) AS mix_back,
            sum(genai.scaled(k.k0, k.t0, k.t1, k.k1)) AS tokens_there,
            sum(genai.scaled(k.k1, k.t1, k.t0, k.k0)) AS tokens_back
        FROM cell c
        CROSS JOIN LATERAL (VALUES
            (1, c.input_t0, c.input_t1, c.input_k0, c.input_k1),
            (2, c.cache_read_t0, c.cache_read_t1, c.cache_read_k0, c.cache_read_k1),
            (3, c.cache_write_t0, c.cache_write_t1, c.cache_write_k0, c.cache_write_k1),
            (4, c.output_t0, c.output_t1, c.output_k0, c.output_k1),
            (5, c.c0, c.c1, c.other_k0, c.other_k1)
        ) k (class, t0, t1, k0, k1)
        WHERE k.k0 <> 0 OR k.k1 <> 0
        GROUP BY c.segment, k.class
    ), point AS (
        SELECT
            s.*, s.k1 - s.k0 AS change,
            genai.scaled(s.k0, s.c0, s.c1, 0) AS attempts_there, genai.scaled(s.k1, s.c1, s.c0, 0) AS attempts_back,
            coalesce(m.mix_there, 0) AS mix_there, coalesce(m.mix_back, 0) AS mix_back,
            coalesce(m.mix_there + m.there_1, 0) AS there_1, coalesce(m.mix_back + m.back_1, 0) AS back_1,
            coalesce(m.mix_there + m.there_2, 0) AS there_2, coalesce(m.mix_back + m.back_2, 0) AS back_2,
            coalesce(m.mix_there + m.there_3, 0) AS there_3, coalesce(m.mix_back + m.back_3, 0) AS back_3,
            coalesce(m.mix_there + m.there_4, 0) AS there_4, coalesce(m.mix_back + m.back_4, 0) AS back_4,
            coalesce(m.mix_there + m.there_5, 0) AS there_5, coalesce(m.mix_back + m.back_5, 0) AS back_5
        FROM (
            SELECT
                c.segment, sum(c.c0) AS c0, sum(c.c1) AS c1, sum(c.k0) AS k0, sum(c.k1) AS k1,
                CASE WHEN genai.judged_per_call(p_dimension, p_model, p_provider) THEN 0 ELSE sum(c.n0) END AS n0,
                CASE WHEN genai.judged_per_call(p_dimension, p_model, p_provider) THEN 0 ELSE sum(c.n1) END AS n1
            FROM cell c
            GROUP BY c.segment
        ) s
        LEFT JOIN (
            SELECT
                k.segment, sum(k.mix_there) AS mix_there, sum(k.mix_back) AS mix_back,
                sum(CASE WHEN k.class <= 1 THEN k.tokens_there - k.mix_there ELSE 0 END) AS there_1,
                sum(CASE WHEN k.class <= 1 THEN k.tokens_back - k.mix_back ELSE 0 END) AS back_1,
                sum(CASE WHEN k.class <= 2 THEN k.tokens_there - k.mix_there ELSE 0 END) AS there_2,
                sum(CASE WHEN k.class <= 2 THEN k.tokens_back - k.mix_back ELSE 0 END) AS back_2,
                sum(CASE WHEN k.class <= 3 THEN k.tokens_there - k.mix_there ELSE 0 END) AS there_3,
                sum(CASE WHEN k.class <= 3 THEN k.tokens_back - k.mix_back ELSE 0 END) AS back_3,
                sum(CASE WHEN k.class <= 4 THEN k.tokens_there - k.mix_there ELSE 0 END) AS there_4,
                sum(CASE WHEN k.class <= 4 THEN k.tokens_back - k.mix_back ELSE 0 END) AS back_4,
                sum(CASE WHEN k.class <= 5 THEN k.tokens_there - k.mix_there ELSE 0 END) AS there_5,
                sum(CASE WHEN k.class <= 5 THEN k.tokens_back - k.mix_back ELSE 0 END) AS back_5
            FROM class k
            GROUP BY k.segment
        ) m ON m.segment = s.segment
        WHERE s.c0 > 0 AND s.c1 > 0
    ), way AS (
        SELECT
            p.segment, p.change,
            genai.settled(
                CASE WHEN p.n0 = 0 OR p.n1 = 0 THEN p.attempts_there ELSE genai.scaled(p.k0, p.n0, p.n1, 0) END,
                CASE WHEN p.n0 = 0 OR p.n1 = 0 THEN p.attempts_back ELSE genai.scaled(p.k1, p.n1, p.n0, 0) END,
                p.change) AS volume,
            genai.settled(p.attempts_there, p.attempts_back, p.change) AS attempts,
            genai.settled(p.mix_there, p.mix_back, p.change) AS mix,
            genai.settled(p.there_1, p.back_1, p.change) AS tokens_1,
            genai.settled(p.there_2, p.back_2, p.change) AS tokens_2,
            genai.settled(p.there_3, p.back_3, p.change) AS tokens_3,
            genai.settled(p.there_4, p.back_4, p.change) AS tokens_4,
            genai.settled(p.there_5, p.back_5, p.change) AS tokens_5
        FROM point p
    ), term AS (
        SELECT
            w.segment, w.volume, w.attempts - w.volume AS attempts, w.mix - w.attempts AS mix,
            w.tokens_1 - w.mix AS input_tokens, w.tokens_2 - w.tokens_1 AS cache_read_tokens,
            w.tokens_3 - w.tokens_2 AS cache_write_tokens, w.tokens_4 - w.tokens_3 AS output_tokens,
            w.tokens_5 - w.tokens_4 AS other_tokens, w.change - w.tokens_5 AS price, 0 AS new, 0 AS gone
        FROM way w
        UNION ALL
        SELECT c.segment, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            CASE WHEN sum(c.c0) = 0 THEN sum(c.k1) ELSE 0 END, CASE WHEN sum(c.c1) = 0 THEN -sum(c.k0) ELSE 0 END
        FROM cell c
        GROUP BY c.segment
        HAVING sum(c.c0) = 0 OR sum(c.c1) = 0
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
        (d.delta / nullif(d.baseline_cost, 0))::float8, (d.delta / nullif(whole.delta, 0))::float8,
        coalesce(d.volume, 0) * 1e-12, coalesce(d.attempts, 0) * 1e-12, coalesce(d.mix, 0) * 1e-12,
        coalesce(d.tokens, 0) * 1e-12, coalesce(d.price, 0) * 1e-12, coalesce(d.new, 0) * 1e-12,
        coalesce(d.gone, 0) * 1e-12, coalesce(d.input_tokens, 0) * 1e-12, coalesce(d.cache_read_tokens, 0) *
        1e-12, coalesce(d.cache_write_tokens, 0) * 1e-12, coalesce(d.output_tokens, 0) * 1e-12,
        coalesce(d.other_tokens, 0) * 1e-12,
        top.term, top.amount * 1e-12,
        CASE WHEN d.is_total THEN worst.segment END, CASE WHEN d.is_total THEN worst.delta * 1e-12 END,
        coalesce((d.c).requests, 0)::bigint, coalesce((d.b).requests, 0)::bigint, coalesce((d.c).calls,
        0)::bigint, coalesce((d.b).calls, 0)::bigint,
        round(d.cost * 1e-12 / nullif((d.c).judged_by, 0), 12),
        round(d.baseline_cost * 1e-12 / nullif((d.b).judged_by, 0), 12),
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
