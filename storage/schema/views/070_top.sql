-- The most expensive values of one dimension in an exact window, for `spanledger top`.
-- `dimension` is environment, data_mode, service, endpoint, prompt, provider, model, tenant or user; NULL for
-- `env` or `mode` means all.
CREATE FUNCTION genai.top(dimension text, from_time timestamptz, to_time timestamptz, env text, mode text)
RETURNS TABLE (
    value text, from_used timestamptz, to_used timestamptz, cost_usd numeric,
    calls bigint, requests bigint, successes bigint, errors bigint, cancelled bigint, input_tokens bigint,
    output_tokens bigint, cost_pico_usd bigint, wasted_cost_pico_usd bigint, unpriced_calls bigint,
    uncertain_calls bigint, uncertain_share double precision
)
LANGUAGE sql STABLE AS $$
    SELECT w.value, (SELECT c.from_used FROM genai.window_cut(from_time, to_time) c),
        (SELECT c.to_used FROM genai.window_cut(from_time, to_time) c), sum(w.cost_pico_usd) * 1e-12,
        sum(w.calls)::bigint, sum(w.requests)::bigint, sum(w.successes)::bigint, sum(w.errors)::bigint,
        sum(w.cancelled)::bigint, sum(w.input_tokens)::bigint, sum(w.output_tokens)::bigint,
        sum(w.cost_pico_usd)::bigint, sum(w.wasted_cost_pico_usd)::bigint, sum(w.unpriced_calls)::bigint,
        sum(w.uncertain_calls)::bigint, sum(w.uncertain_calls)::float8 / nullif(sum(w.calls), 0)::float8
    FROM (
        SELECT CASE dimension WHEN 'environment' THEN u.environment WHEN 'data_mode' THEN u.data_mode
                WHEN 'service' THEN u.service_name WHEN 'endpoint' THEN u.endpoint_tag
                WHEN 'prompt' THEN u.prompt_version WHEN 'provider' THEN u.provider ELSE u.model END AS value,
            u.calls, u.requests, u.successes, u.errors, u.cancelled, u.input_tokens, u.output_tokens,
            u.cost_pico_usd, u.wasted_cost_pico_usd, u.unpriced_calls, u.uncertain_calls
        FROM genai.usage_window(from_time, to_time) u
        WHERE (env IS NULL OR u.environment = env) AND (mode IS NULL OR u.data_mode = mode)
            AND dimension NOT IN ('tenant', 'user')
        UNION ALL
        SELECT CASE dimension WHEN 'tenant' THEN u.tenant_id ELSE u.user_id END,
            u.calls, u.requests, u.successes, u.errors, u.cancelled, u.input_tokens, u.output_tokens,
            u.cost_pico_usd, u.wasted_cost_pico_usd, u.unpriced_calls, u.uncertain_calls
        FROM genai.identity_window(from_time, to_time) u
        WHERE (env IS NULL OR u.environment = env) AND (mode IS NULL OR u.data_mode = mode)
            AND dimension IN ('tenant', 'user')
    ) w
    GROUP BY w.value
    ORDER BY sum(w.cost_pico_usd) DESC, sum(w.calls) DESC, w.value
$$;
