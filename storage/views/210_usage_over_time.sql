-- Usage over time, in steps that suit the range: whole buckets, so that the first and the last may reach over its ends.

-- Minutes up to an hour, five minutes up to six, hours up to 45 days, days beyond.
CREATE FUNCTION genai.panel_step(p_from timestamptz, p_to timestamptz)
RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_to - p_from <= interval '75 minutes' THEN interval '1 minute'
        WHEN p_to - p_from <= interval '390 minutes' THEN interval '5 minutes'
        WHEN p_to - p_from <= interval '1080 hours' THEN interval '1 hour'
        ELSE interval '1 day'
    END
$$;

-- The buckets of a range: minutes where the step asks for them and they are kept, else hours; by identity always hours.
CREATE FUNCTION genai.usage_by_step(
    p_from timestamptz, p_to timestamptz, p_step interval, p_env text, p_data_mode text, p_dimension text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS TABLE (
    "time" timestamptz, segment text, calls bigint, requests bigint, successes bigint, errors bigint,
    input_tokens bigint, output_tokens bigint, cost_pico_usd bigint
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        u.time,
        CASE p_dimension
            WHEN 'endpoint' THEN s.endpoint_tag WHEN 'prompt_version' THEN s.prompt_version
            WHEN 'user' THEN i.user_id WHEN 'tenant' THEN i.tenant_id WHEN 'model' THEN s.model
            WHEN 'provider' THEN s.provider WHEN 'service' THEN s.service_name ELSE '' END,
        genai.total(u.calls), genai.total(u.requests), genai.total(u.successes), genai.total(u.errors),
        genai.total(u.input_tokens), genai.total(u.output_tokens), genai.total(u.cost_pico_usd)
    FROM (
        SELECT date_bin(greatest(p_step, interval '1 hour'), h.bucket, 'epoch') AS time, h.series_id, h.identity_id,
            h.calls, h.requests, h.successes, h.errors, h.input_tokens, h.output_tokens,
            coalesce(h.input_cost_pico_usd, 0) + coalesce(h.cache_read_cost_pico_usd, 0)
                + coalesce(h.cache_write_cost_pico_usd, 0) + coalesce(h.output_cost_pico_usd, 0)
                + coalesce(h.other_cost_pico_usd, 0) AS cost_pico_usd
        FROM genai.measured_hour h
        WHERE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) = 'series'
            AND h.bucket >= date_bin(greatest(p_step, interval '1 hour'), p_from, 'epoch') AND h.bucket < p_to
            AND (p_step >= interval '1 hour'
                OR p_from < (SELECT f.time FROM genai.floor f WHERE f.level = 'minute'))
        UNION ALL
        SELECT date_bin(p_step, m.bucket, 'epoch'), m.series_id, m.identity_id,
            m.calls, m.requests, m.successes, m.errors, m.input_tokens, m.output_tokens,
            coalesce(m.input_cost_pico_usd, 0) + coalesce(m.cache_read_cost_pico_usd, 0)
                + coalesce(m.cache_write_cost_pico_usd, 0) + coalesce(m.output_cost_pico_usd, 0)
                + coalesce(m.other_cost_pico_usd, 0)
        FROM genai.measured_minute m
        WHERE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) = 'series'
            AND m.bucket >= date_bin(p_step, p_from, 'epoch') AND m.bucket < p_to
            AND p_step < interval '1 hour'
            AND p_from >= (SELECT f.time FROM genai.floor f WHERE f.level = 'minute')
        UNION ALL
        SELECT date_bin(greatest(p_step, interval '1 hour'), h.bucket, 'epoch'), h.series_id, h.identity_id,
            h.calls, h.requests, h.successes, h.errors, h.input_tokens, h.output_tokens,
            coalesce(h.input_cost_pico_usd, 0) + coalesce(h.cache_read_cost_pico_usd, 0)
                + coalesce(h.cache_write_cost_pico_usd, 0) + coalesce(h.output_cost_pico_usd, 0)
                + coalesce(h.other_cost_pico_usd, 0)
        FROM genai.measured_identity_hour h
        WHERE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service)
                IN ('identity', 'identity_hour')
            AND h.bucket >= date_bin(greatest(p_step, interval '1 hour'), p_from, 'epoch') AND h.bucket < p_to
        UNION ALL
        SELECT date_bin(p_step, c.bucket, 'epoch'), c.series_id, c.identity_id,
            c.calls, c.requests, c.successes, c.errors, c.input_tokens, c.output_tokens,
            coalesce(c.input_cost_pico_usd, 0) + coalesce(c.cache_read_cost_pico_usd, 0)
                + coalesce(c.cache_write_cost_pico_usd, 0) + coalesce(c.output_cost_pico_usd, 0)
                + coalesce(c.other_cost_pico_usd, 0)
        FROM genai.measured_call c
        WHERE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) = 'calls'
            AND c.bucket >= date_bin(p_step, p_from, 'epoch') AND c.bucket < p_to
    ) u
    JOIN genai.series_of(
        p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, NULL, p_service) s ON s.id = u.series_id
    LEFT JOIN genai.identity i ON i.id = u.identity_id
    WHERE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) = 'series'
        OR (coalesce(p_user, '*') = '*' OR i.user_id = p_user) AND (coalesce(p_tenant, '*') = '*' OR i.tenant_id = p_tenant)
    GROUP BY 1, 2
$$;

-- The same with all segments but the `p_keep` dearest as one, `(others)`. With the dimension '' it is one series.
CREATE FUNCTION genai.usage_over_time(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_dimension text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text, p_keep integer DEFAULT 7
) RETURNS TABLE (
    "time" timestamptz, segment text, calls bigint, requests bigint, successes bigint, errors bigint,
    input_tokens bigint, output_tokens bigint, cost_usd numeric, cost_per_request_usd numeric,
    tokens_per_request double precision, success_ratio double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH used AS MATERIALIZED (
        SELECT u.* FROM genai.usage_by_step(
            p_from, p_to, genai.panel_step(p_from, p_to), p_env, p_data_mode, p_dimension, p_endpoint,
            p_prompt_version, p_user, p_tenant, p_model, p_service) u
    ), kept AS (
        SELECT k.segment FROM used k GROUP BY k.segment
        ORDER BY sum(k.cost_pico_usd) DESC, sum(k.calls) DESC, k.segment LIMIT p_keep
    )
    SELECT t.time, t.segment, t.calls, t.requests, t.successes, t.errors, t.input_tokens, t.output_tokens,
        t.cost * 1e-12,
        round(t.cost * 1e-12 / nullif(t.judged_by, 0), 12),
        (t.input_tokens + t.output_tokens)::float8 / nullif(t.judged_by, 0),
        t.successes::float8 / nullif(t.successes + t.errors, 0)
    FROM (
        SELECT x.*, CASE WHEN genai.judged_per_call(p_dimension, p_model, NULL) THEN x.calls ELSE x.requests END AS judged_by
        FROM (
            SELECT u.time, coalesce(k.segment, '(others)') AS segment, sum(u.calls)::bigint AS calls,
                coalesce(sum(u.requests), 0)::bigint AS requests, coalesce(sum(u.successes), 0)::bigint AS successes,
                coalesce(sum(u.errors), 0)::bigint AS errors, coalesce(sum(u.input_tokens), 0)::bigint AS input_tokens,
                coalesce(sum(u.output_tokens), 0)::bigint AS output_tokens, sum(u.cost_pico_usd) AS cost
            FROM used u LEFT JOIN kept k ON k.segment = u.segment
            GROUP BY u.time, coalesce(k.segment, '(others)')
        ) x
    ) t
    ORDER BY t.time, t.segment
$$;
