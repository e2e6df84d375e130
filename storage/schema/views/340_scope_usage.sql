-- ranges: storage/schema/measures.py
-- What budgets are judged by: the same hours and calls that windows are answered from, by the values of one dimension or two.

-- Which level has one dimension or two: `series`, `identity` (hours), or only `calls`.
CREATE FUNCTION genai.scope_source(p_first text, p_second text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN NOT ARRAY[p_first, p_second] && '{user,tenant}' THEN 'series'
        WHEN ARRAY[p_first, p_second] && '{service,prompt_version}' THEN 'calls'
        ELSE 'identity'
    END
$$;

-- Usage of [p_from, p_to) by `p_step` and value: hours of the level that has the dimensions, or
-- calls where `p_step` is NULL. Rows of `p_first` and `p_second` are values of the dimensions of these names ('' for none).
-- Grouped by ids before they are joined to text; the series only where a dimension needs it. Who asks for a few users or tenants
-- names them (`p_firsts`): of others nothing is added up.
CREATE FUNCTION genai.scope_usage(
    p_from timestamptz, p_to timestamptz, p_step interval, p_env text, p_data_mode text, p_first text, p_second text,
    p_firsts text[] DEFAULT NULL
) RETURNS TABLE (
    "time" timestamptz, first text, second text, calls bigint, requests bigint, unpriced_calls bigint,
    uncertain_calls bigint, cost_pico_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.time,
        coalesce(genai.value_of(p_first, s.endpoint_tag, s.prompt_version, i.user_id, i.tenant_id, s.model, s.provider,
            s.service_name), ''),
        coalesce(genai.value_of(p_second, s.endpoint_tag, s.prompt_version, i.user_id, i.tenant_id, s.model, s.provider,
            s.service_name), ''),
        u.calls, u.requests, u.unpriced_calls, u.uncertain_calls, u.cost_pico_usd
    FROM (
        SELECT coalesce(date_bin(p_step, m.bucket, 'epoch'), m.bucket) AS time,
            CASE WHEN ARRAY[p_first, p_second] && '{endpoint,model,service}' THEN m.series_id END AS series_id, m.identity_id,
            genai.total(m.calls) AS calls, coalesce(genai.total(m.requests), 0) AS requests,
            coalesce(genai.total(m.unpriced_calls), 0) AS unpriced_calls,
            coalesce(genai.total(m.uncertain_calls), 0) AS uncertain_calls,
            sum({input_cost_pico_usd..other_cost_pico_usd+ coalesce(m.#, 0)}) AS cost_pico_usd
        FROM (
            SELECT m.bucket, m.series_id, NULL::bigint AS identity_id, m.calls, m.requests, m.unpriced_calls, m.uncertain_calls,
                {input_cost_pico_usd..other_cost_pico_usd: m.#}
            FROM genai.measured_hour m
            WHERE m.bucket >= p_from AND m.bucket < p_to AND p_step IS NOT NULL
                AND genai.scope_source(p_first, p_second) = 'series'
            UNION ALL
            SELECT m.bucket, m.series_id, m.identity_id, m.calls, m.requests, m.unpriced_calls, m.uncertain_calls,
                {input_cost_pico_usd..other_cost_pico_usd: m.#}
            FROM genai.measured_identity_hour m
            WHERE m.bucket >= p_from AND m.bucket < p_to AND p_step IS NOT NULL
                AND genai.scope_source(p_first, p_second) = 'identity'
            UNION ALL
            SELECT m.bucket, m.series_id, m.identity_id, m.calls, m.requests, m.unpriced_calls, m.uncertain_calls,
                {input_cost_pico_usd..other_cost_pico_usd: m.#}
            FROM genai.measured_call m
            WHERE m.bucket >= p_from AND m.bucket < p_to
                AND (p_step IS NULL OR genai.scope_source(p_first, p_second) = 'calls')
        ) m
        WHERE m.series_id IN (SELECT s.id FROM genai.series_of(p_env, p_data_mode, NULL, NULL, NULL, NULL, NULL) s)
            AND (p_firsts IS NULL OR p_first NOT IN ('user', 'tenant') OR m.identity_id IN (
                SELECT i.id FROM genai.identity i WHERE CASE p_first WHEN 'user' THEN i.user_id ELSE i.tenant_id END = ANY (p_firsts)))
        GROUP BY 1, 2, 3
    ) u
    LEFT JOIN genai.series s ON s.id = u.series_id
    LEFT JOIN genai.identity i ON i.id = u.identity_id
$$;
