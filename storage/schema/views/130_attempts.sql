-- What retries cost (LEDGER §5): calls for one success, and money spent on calls that brought none.

-- One row per segment of a window, most wasted first; dimension and filters as `genai.compare`.
CREATE FUNCTION genai.attempts(
    p_from timestamptz, p_to timestamptz, p_env text DEFAULT 'prod', p_data_mode text DEFAULT 'real',
    p_dimension text DEFAULT 'endpoint', p_endpoint text DEFAULT NULL, p_prompt_version text DEFAULT NULL,
    p_user text DEFAULT NULL, p_tenant text DEFAULT NULL, p_model text DEFAULT NULL, p_provider text DEFAULT NULL,
    p_service text DEFAULT NULL
) RETURNS TABLE (
    segment text, requests bigint, calls bigint, successes bigint, errors bigint, cancelled bigint,
    attempts_per_success double precision, cost_usd numeric, wasted_usd numeric, wasted_share double precision,
    cost_per_success_usd numeric, unpriced_calls bigint, uncertain_calls bigint, error_without_usage_calls bigint
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        t.segment, t.requests::bigint, t.calls::bigint, t.successes::bigint, t.errors::bigint,
        (t.calls - t.successes - t.errors)::bigint, (t.calls / nullif(t.successes, 0))::float8,
        t.cost * 1e-12, t.wasted * 1e-12, (t.wasted / nullif(t.cost, 0))::float8,
        round(t.cost * 1e-12 / nullif(t.successes, 0), 12), t.unpriced_calls::bigint, t.uncertain_calls::bigint,
        t.error_without_usage_calls::bigint
    FROM (
        SELECT
            u.segment, sum(u.requests) AS requests, sum(u.calls) AS calls, sum(u.successes) AS successes,
            sum(u.errors) AS errors, sum(u.wasted_cost_pico_usd) AS wasted,
            sum(u.cost_pico_usd) AS cost, sum(u.unpriced_calls) AS unpriced_calls, sum(u.uncertain_calls) AS uncertain_calls,
            sum(u.error_without_usage_calls) AS error_without_usage_calls
        FROM genai.usage_of(
            p_from, p_to, p_env, p_data_mode, p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant,
            p_model, p_provider, p_service) u
        GROUP BY u.segment
    ) t
    ORDER BY t.wasted DESC, t.calls - t.successes DESC, t.segment
$$;
