-- Usage over time as a chart draws it: every segment has every bucket, and every bucket says where it ends, so that a
-- click on a bar or a point opens exactly its window.

-- The name that people read: a user's or tenant's label, else the first eight letters of a hash, else the value.
CREATE FUNCTION genai.short_name(p_dimension text, p_value text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_dimension IN ('user', 'tenant') THEN coalesce(
            (SELECT l.label FROM genai.identity_label l WHERE l.kind = p_dimension AND l.value = p_value),
            substring(p_value FROM '^(?:h:|hmac:|sha256:)?([0-9a-fA-F]{8})[0-9a-fA-F]{12,}$'), p_value)
        ELSE p_value END
$$;

-- How long a bucket of `usage_over_time` is: minutes where they are kept and nobody's name is asked for, else hours.
CREATE FUNCTION genai.chart_step(p_from timestamptz, p_to timestamptz, p_source text)
RETURNS interval LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_source = 'calls'
            OR p_source = 'series' AND p_from >= (SELECT f.time FROM genai.floor f WHERE f.level = 'minute')
            THEN genai.panel_step(p_from, p_to)
        ELSE greatest(genai.panel_step(p_from, p_to), interval '1 hour') END
$$;

-- `segment` is the name of a series, `focus` the value of the dimension behind it (`*` for all others together),
-- `until_ms` the end of the bucket in milliseconds of the epoch. Measures are NULL where a segment has no calls.
CREATE FUNCTION genai.usage_chart(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_dimension text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text, p_keep integer DEFAULT 7
) RETURNS TABLE (
    "time" timestamptz, segment text, focus text, until_ms bigint, calls bigint, requests bigint, errors bigint,
    cost_usd numeric, cost_per_request_usd numeric, tokens_per_request double precision, success_ratio double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH used AS MATERIALIZED (
        SELECT u.* FROM genai.usage_over_time(
            p_from, p_to, p_env, p_data_mode, p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
            p_service, p_keep) u
    )
    SELECT b.time, s.name, s.focus,
        (extract(epoch FROM b.time + w.step) * 1000)::bigint,
        u.calls, u.requests, u.errors, u.cost_usd, u.cost_per_request_usd, u.tokens_per_request, u.success_ratio
    FROM (
        SELECT genai.chart_step(p_from, p_to, genai.spend_source(
            p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service)) AS step
    ) w
    CROSS JOIN (SELECT DISTINCT u.time FROM used u) b
    CROSS JOIN (
        SELECT d.segment, genai.short_name(p_dimension, d.segment) AS name,
            CASE WHEN d.segment IN ('(others)', '') THEN '*' ELSE d.segment END AS focus
        FROM (SELECT DISTINCT u.segment FROM used u) d
    ) s
    LEFT JOIN used u ON u.time = b.time AND u.segment = s.segment
    ORDER BY b.time, s.segment
$$;
