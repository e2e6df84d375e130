-- What each request costs over time, in buckets wide enough to say something.

-- The narrowest step, from `p_step` on, in which a series of `p_counted` requests over the range has `p_sample` of them; at
-- most a sixth of the range.
CREATE FUNCTION genai.wide_step(p_step interval, p_from timestamptz, p_to timestamptz, p_counted numeric, p_sample numeric)
RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(
        min(s.step) FILTER (WHERE p_counted * extract(epoch FROM s.step)
            >= p_sample * extract(epoch FROM p_to - p_from)), max(s.step), p_step)
    FROM unnest('{1m,5m,15m,30m,1h,3h,6h,12h,24h}'::interval[]) s (step)
    WHERE s.step >= p_step AND s.step <= greatest(p_step, (p_to - p_from) / 6)
$$;

-- Cost and tokens of a request, and success, of the `p_keep` most expensive segments: shaped as `usage_chart`, in buckets of
-- about `p_sample` requests. A bucket of fewer than five says nothing.
CREATE FUNCTION genai.unit_chart(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_dimension text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text, p_keep integer DEFAULT 5,
    p_sample numeric DEFAULT 30
) RETURNS TABLE (
    "time" timestamptz, segment text, focus text, until_ms bigint, cost_per_request_usd numeric,
    tokens_per_request double precision, success_ratio double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH used AS MATERIALIZED (
        SELECT u.time, u.segment, u.calls, u.successes, u.errors, u.input_tokens, u.output_tokens, u.cost_pico_usd, u.priced,
            CASE WHEN genai.judged_per_call(p_dimension, p_model, NULL) THEN u.calls ELSE u.requests END AS judged,
            sum(u.cost_pico_usd) OVER s AS all_cost, sum(u.calls) OVER s AS all_calls
        FROM genai.usage_by_step(p_from, p_to, genai.panel_step(p_from, p_to), p_env, p_data_mode, p_dimension, p_endpoint,
            p_prompt_version, p_user, p_tenant, p_model, p_service) u
        WINDOW s AS (PARTITION BY u.segment)
    ), kept AS MATERIALIZED (
        SELECT u.segment, sum(u.judged) AS judged FROM used u
        GROUP BY u.segment, u.all_cost, u.all_calls
        ORDER BY u.all_cost DESC, u.all_calls DESC, u.segment LIMIT p_keep
    ), width AS MATERIALIZED (
        SELECT genai.wide_step(genai.chart_step(p_from, p_to, genai.spend_source(
            p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service)), p_from, p_to,
            (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY k.judged) FROM kept k), p_sample) AS step
    ), wide AS MATERIALIZED (
        SELECT date_bin(w.step, u.time, 'epoch') AS time, u.segment, sum(u.judged) AS judged, sum(u.priced) AS priced,
            sum(u.cost_pico_usd) AS cost, sum(coalesce(u.input_tokens, 0) + coalesce(u.output_tokens, 0)) AS tokens,
            sum(u.successes) AS successes, sum(u.errors) AS errors
        FROM used u JOIN kept k ON k.segment = u.segment CROSS JOIN width w
        GROUP BY 1, 2
        HAVING sum(u.judged) >= 5
    )
    SELECT b.time, genai.short_name(p_dimension, k.segment), CASE k.segment WHEN '' THEN '*' ELSE k.segment END,
        (extract(epoch FROM b.time + w.step) * 1000)::bigint, round(u.cost * 1e-12 / nullif(u.priced, 0), 12),
        (u.tokens / u.judged)::float8,
        (coalesce(u.successes, 0) / nullif(coalesce(u.successes, 0) + coalesce(u.errors, 0), 0))::float8
    FROM (SELECT DISTINCT u.time FROM wide u) b
    CROSS JOIN kept k
    CROSS JOIN width w
    LEFT JOIN wide u ON u.time = b.time AND u.segment = k.segment
    ORDER BY b.time, k.segment
$$;
