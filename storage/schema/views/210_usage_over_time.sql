-- ranges: storage/schema/measures.py
-- Usage over time, in steps that suit the range: whole buckets, so that the first and the last may reach over its ends.

-- Minutes up to an hour, five minutes up to six, hours up to eight days, days beyond.
CREATE FUNCTION genai.panel_step(p_from timestamptz, p_to timestamptz)
RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_to - p_from <= interval '75 minutes' THEN interval '1 minute'
        WHEN p_to - p_from <= interval '390 minutes' THEN interval '5 minutes'
        WHEN p_to - p_from <= interval '200 hours' THEN interval '1 hour'
        ELSE interval '1 day'
    END
$$;

-- The pieces of a range by steps, and the level that each is read from: minutes where the step asks for them and they are
-- kept, else hours, by identity always hours; by days their sums where these are not stale.
CREATE FUNCTION genai.step_pieces(p_from timestamptz, p_to timestamptz, p_step interval, p_source text)
RETURNS TABLE (level text, from_time timestamptz, to_time timestamptz) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH asked AS MATERIALIZED (
        SELECT p_step >= interval '1 hour' OR p_from < (SELECT f.time FROM genai.floor f WHERE f.level = 'minute') AS coarse
    )
    SELECT w.level, w.from_time, w.to_time
    FROM asked a CROSS JOIN LATERAL genai.window_pieces(
        date_bin(p_step, p_from, 'epoch'), date_bin('1 hour', p_to + interval '3599.999999 seconds', 'epoch'), NULL,
        p_source, false) w
    WHERE p_step >= interval '1 day' AND p_source <> 'calls' AND w.level IN ('day', 'hour', 'folded')
    UNION ALL
    SELECT CASE WHEN p_source = 'calls' THEN 'call' WHEN p_source <> 'series' OR a.coarse THEN 'hour' ELSE 'minute' END,
        date_bin(CASE WHEN p_source = 'calls' OR p_source = 'series' AND NOT a.coarse THEN p_step
            ELSE greatest(p_step, interval '1 hour') END, p_from, 'epoch'), p_to
    FROM asked a
    WHERE p_step < interval '1 day' OR p_source = 'calls'
$$;

-- What each level has of a range, put into steps; `p_source` is what `spend_source` says.
CREATE FUNCTION genai.rows_by_step(
    p_from timestamptz, p_to timestamptz, p_step interval, p_env text, p_data_mode text, p_source text
) RETURNS TABLE (
    "time" timestamptz, series_id bigint, identity_id bigint, {calls..errors: # bigint},
    {input_tokens..reasoning_tokens: # bigint}, {input_cost_pico_usd..other_cost_pico_usd: # bigint},
    unpriced_calls bigint, error_without_usage_calls bigint
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH piece AS MATERIALIZED (SELECT w.* FROM genai.step_pieces(p_from, p_to, p_step, p_source) w)
    SELECT date_bin(p_step, m.bucket, 'epoch') AS time, m.series_id, NULL::bigint AS identity_id,
        {calls..errors: m.#}, {input_tokens..reasoning_tokens: m.#},
        {input_cost_pico_usd..other_cost_pico_usd: m.#}, m.unpriced_calls, m.error_without_usage_calls
    FROM piece p CROSS JOIN LATERAL (
        SELECT m.* FROM genai.measured_day m WHERE m.bucket >= p.from_time AND m.bucket < p.to_time OFFSET 0) m
    WHERE p.level = 'day' AND p_source = 'series'
    UNION ALL
    SELECT date_bin(greatest(p_step, interval '1 hour'), m.bucket, 'epoch'), m.series_id, NULL,
        {calls..errors: m.#}, {input_tokens..reasoning_tokens: m.#},
        {input_cost_pico_usd..other_cost_pico_usd: m.#}, m.unpriced_calls, m.error_without_usage_calls
    FROM piece p CROSS JOIN LATERAL (
        SELECT m.* FROM genai.measured_hour m WHERE m.bucket >= p.from_time AND m.bucket < p.to_time OFFSET 0) m
    WHERE p.level = 'hour' AND p_source = 'series'
    UNION ALL
    SELECT date_bin(p_step, m.bucket, 'epoch'), m.series_id, NULL,
        {calls..errors: m.#}, {input_tokens..reasoning_tokens: m.#},
        {input_cost_pico_usd..other_cost_pico_usd: m.#}, m.unpriced_calls, m.error_without_usage_calls
    FROM piece p CROSS JOIN LATERAL (
        SELECT m.* FROM genai.measured_minute m WHERE m.bucket >= p.from_time AND m.bucket < p.to_time OFFSET 0) m
    WHERE p.level = 'minute' AND p_source = 'series'
    UNION ALL
    SELECT date_bin(p_step, m.bucket, 'epoch'), NULL, m.identity_id,
        {calls..errors: m.#}, {input_tokens..reasoning_tokens: m.#},
        {input_cost_pico_usd..other_cost_pico_usd: m.#}, m.unpriced_calls, m.error_without_usage_calls
    FROM piece p CROSS JOIN LATERAL (
        SELECT m.* FROM genai.measured_person_day m WHERE m.bucket >= p.from_time AND m.bucket < p.to_time OFFSET 0) m
    WHERE p.level = 'day' AND p_source = 'person'
        AND ((SELECT coalesce(p_env, '*') = '*') OR m.environment = ANY ((SELECT string_to_array(p_env, ','))::text[]))
        AND (coalesce(p_data_mode, '*') = '*' OR m.data_mode = p_data_mode)
    UNION ALL
    SELECT date_bin(greatest(p_step, interval '1 hour'), m.bucket, 'epoch'), m.series_id, m.identity_id,
        {calls..errors: m.#}, {input_tokens..reasoning_tokens: m.#},
        {input_cost_pico_usd..other_cost_pico_usd: m.#}, m.unpriced_calls, m.error_without_usage_calls
    FROM piece p CROSS JOIN LATERAL (
        SELECT m.* FROM genai.measured_identity_hour m WHERE m.bucket >= p.from_time AND m.bucket < p.to_time OFFSET 0) m
    WHERE p.level = 'hour' AND p_source <> 'series'
    UNION ALL
    SELECT date_bin(p_step, m.bucket, 'epoch'), m.series_id, m.identity_id,
        {calls..errors: m.#}, {input_tokens..reasoning_tokens: m.#},
        {input_cost_pico_usd..other_cost_pico_usd: m.#}, m.unpriced_calls, m.error_without_usage_calls
    FROM piece p CROSS JOIN LATERAL (
        SELECT m.* FROM genai.measured_identity_day m WHERE m.bucket >= p.from_time AND m.bucket < p.to_time OFFSET 0) m
    WHERE p.level = 'folded' AND p_source <> 'series'
    UNION ALL
    SELECT date_bin(p_step, m.bucket, 'epoch'), m.series_id, m.identity_id,
        {calls..errors: m.#}, {input_tokens..reasoning_tokens: m.#},
        {input_cost_pico_usd..other_cost_pico_usd: m.#}, m.unpriced_calls, m.error_without_usage_calls
    FROM piece p CROSS JOIN LATERAL (
        SELECT m.* FROM genai.measured_call m WHERE m.bucket >= p.from_time AND m.bucket < p.to_time OFFSET 0) m
    WHERE p.level = 'call' AND p_source = 'calls'
$$;

-- The usage of a range by steps and segments. Classes of tokens and of cost are whole by series only: a person's summed day
-- has its cost as `other_cost_pico_usd`, so ask for them with the dimension `model`.
CREATE FUNCTION genai.usage_by_step(
    p_from timestamptz, p_to timestamptz, p_step interval, p_env text, p_data_mode text, p_dimension text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text,
    p_provider text DEFAULT NULL
) RETURNS TABLE (
    "time" timestamptz, segment text, calls bigint, requests bigint, successes bigint, errors bigint,
    input_tokens bigint, output_tokens bigint, cost_pico_usd numeric, priced numeric, cache_read_tokens bigint,
    cache_write_tokens bigint, reasoning_tokens bigint, {input_cost_pico_usd..other_cost_pico_usd: # numeric}
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        u.time,
        CASE p_dimension WHEN '' THEN '' ELSE genai.segment_of(p_dimension, s.endpoint_tag, s.prompt_version, i.user_id,
            i.tenant_id, s.model, s.provider, s.service_name) END,
        genai.total(u.calls), genai.total(u.requests), genai.total(u.successes), genai.total(u.errors),
        genai.total(u.input_tokens), genai.total(u.output_tokens),
        sum({input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)}),
        CASE WHEN genai.judged_per_call(p_dimension, p_model, p_provider) THEN genai.unit_count(true, 0, genai.total(u.calls),
                genai.total(u.unpriced_calls), genai.total(u.error_without_usage_calls))
            -- A person's day has neither series nor refused calls: from its totals, so that hours say the same.
            WHEN genai.spend_source(
                p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service) = 'person' THEN genai.unit_count(
                false, genai.total(u.requests), genai.total(u.calls), genai.total(u.unpriced_calls), 0)
            ELSE sum(genai.unit_count(false, u.requests, u.calls, u.unpriced_calls, u.error_without_usage_calls)) END,
        genai.total(u.cache_read_tokens), genai.total(u.cache_write_tokens), genai.total(u.reasoning_tokens),
        {input_cost_pico_usd..other_cost_pico_usd: sum(u.#)}
    FROM genai.rows_by_step(p_from, p_to, p_step, p_env, p_data_mode, genai.spend_source(
        p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service)) u
    LEFT JOIN genai.series s ON s.id = u.series_id
    LEFT JOIN genai.identity i ON i.id = u.identity_id
    WHERE CASE WHEN u.series_id IS NOT NULL
            THEN u.series_id IN (SELECT s.id FROM genai.series_of(
                p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s) ELSE true END
        AND CASE WHEN coalesce(p_user, '*') <> '*' OR coalesce(p_tenant, '*') <> '*'
            THEN u.identity_id IN (SELECT i.id FROM genai.identity_of(p_user, p_tenant) i) ELSE true END
    GROUP BY 1, 2
$$;

-- The same with all segments but the `p_keep` most expensive as one, `(others)`. With the dimension '' it is one series.
CREATE FUNCTION genai.usage_over_time(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_dimension text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text, p_keep integer DEFAULT 7
) RETURNS TABLE (
    "time" timestamptz, segment text, calls bigint, requests bigint, successes bigint, errors bigint,
    input_tokens bigint, output_tokens bigint, cost_usd numeric, cost_per_request_usd numeric,
    tokens_per_request double precision, success_ratio double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH used AS MATERIALIZED (
        SELECT u.time, u.segment, u.calls, u.requests, u.successes, u.errors, u.input_tokens, u.output_tokens,
            u.cost_pico_usd, u.priced
        FROM genai.usage_by_step(
            p_from, p_to, genai.panel_step(p_from, p_to), p_env, p_data_mode, p_dimension, p_endpoint,
            p_prompt_version, p_user, p_tenant, p_model, p_service) u
    ), kept AS (
        SELECT k.segment FROM used k GROUP BY k.segment
        ORDER BY sum(k.cost_pico_usd) DESC, sum(k.calls) DESC, k.segment LIMIT p_keep
    )
    SELECT t.time, t.segment, t.calls, t.requests, t.successes, t.errors, t.input_tokens, t.output_tokens,
        t.cost * 1e-12,
        round(t.cost * 1e-12 / nullif(t.priced, 0), 12),
        (t.input_tokens + t.output_tokens)::float8 / nullif(t.judged_by, 0),
        t.successes::float8 / nullif(t.successes + t.errors, 0)
    FROM (
        SELECT x.*, CASE WHEN genai.judged_per_call(p_dimension, p_model, NULL) THEN x.calls ELSE x.requests END AS judged_by
        FROM (
            SELECT u.time, coalesce(k.segment, '(others)') AS segment, sum(u.calls)::bigint AS calls,
                coalesce(sum(u.requests), 0)::bigint AS requests, coalesce(sum(u.successes), 0)::bigint AS successes,
                coalesce(sum(u.errors), 0)::bigint AS errors, coalesce(sum(u.input_tokens), 0)::bigint AS input_tokens,
                coalesce(sum(u.output_tokens), 0)::bigint AS output_tokens, sum(u.cost_pico_usd) AS cost,
                sum(u.priced) AS priced
            FROM used u LEFT JOIN kept k ON k.segment = u.segment
            GROUP BY u.time, coalesce(k.segment, '(others)')
        ) x
    ) t
    ORDER BY t.time, t.segment
$$;
