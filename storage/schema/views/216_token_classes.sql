-- What was paid for over time: the classes of tokens, and what caching saved.

-- Spend by class of tokens, shaped as `usage_chart`. Reasoning is output: its part of an output's cost is its part of the
-- tokens, which cost the same. `other` are fees and calls of a person's folded days.
CREATE FUNCTION genai.class_chart(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text, p_user text,
    p_tenant text, p_model text, p_service text
) RETURNS TABLE ("time" timestamptz, segment text, until_ms bigint, cost_usd numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH used AS MATERIALIZED (
        SELECT u.time, sum(u.input_cost_pico_usd) AS fresh, sum(u.cache_read_cost_pico_usd) AS cached,
            sum(u.cache_write_cost_pico_usd) AS written, sum(u.output_cost_pico_usd) AS output,
            sum(u.output_cost_pico_usd * least(coalesce(u.reasoning_tokens, 0), u.output_tokens) / nullif(u.output_tokens, 0)) AS reasoning,
            sum(u.other_cost_pico_usd) AS other
        FROM genai.usage_by_step(p_from, p_to, genai.panel_step(p_from, p_to), p_env, p_data_mode, 'model', p_endpoint,
            p_prompt_version, p_user, p_tenant, p_model, p_service) u
        GROUP BY u.time
    )
    SELECT u.time, c.name, (extract(epoch FROM u.time + w.step) * 1000)::bigint, round(c.cost) * 1e-12
    FROM used u
    CROSS JOIN (
        SELECT genai.chart_step(p_from, p_to, genai.spend_source(
            'model', p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service)) AS step
    ) w
    CROSS JOIN LATERAL (VALUES ('fresh input', u.fresh), ('cached input', u.cached), ('cache writes', u.written),
        ('output', u.output - coalesce(round(u.reasoning), 0)), ('reasoning', u.reasoning), ('other', u.other)) c (name, cost)
    WHERE EXISTS (SELECT FROM used x WHERE CASE c.name WHEN 'fresh input' THEN x.fresh WHEN 'cached input' THEN x.cached
        WHEN 'cache writes' THEN x.written WHEN 'output' THEN x.output WHEN 'reasoning' THEN x.reasoning ELSE x.other END > 0)
    ORDER BY u.time, c.name
$$;

-- The part of the input tokens that came from a cache, and about what that saved: cached tokens at what the model's fresh ones
-- cost over the range, less what reading and writing the cache cost beyond that. NULL where a model has no fresh input.
CREATE FUNCTION genai.cache_chart(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text, p_user text,
    p_tenant text, p_model text, p_service text
) RETURNS TABLE ("time" timestamptz, until_ms bigint, cache_share double precision, saved_usd numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH used AS MATERIALIZED (
        SELECT u.time, u.segment, coalesce(u.input_tokens, 0) AS input, coalesce(u.cache_read_tokens, 0) AS read,
            coalesce(u.cache_write_tokens, 0) AS written, coalesce(u.cache_read_cost_pico_usd, 0) AS read_cost,
            coalesce(u.cache_write_cost_pico_usd, 0) AS written_cost,
            sum(u.input_cost_pico_usd) OVER m / nullif(sum(CASE WHEN u.input_cost_pico_usd > 0 THEN u.input_tokens
                - coalesce(u.cache_read_tokens, 0) - coalesce(u.cache_write_tokens, 0) END) OVER m, 0) AS price
        FROM genai.usage_by_step(p_from, p_to, genai.panel_step(p_from, p_to), p_env, p_data_mode, 'model', p_endpoint,
            p_prompt_version, p_user, p_tenant, p_model, p_service) u
        WINDOW m AS (PARTITION BY u.segment)
    )
    SELECT u.time, (extract(epoch FROM u.time + w.step) * 1000)::bigint,
        (sum(u.read) / nullif(sum(u.input), 0))::float8,
        round(sum((u.read + u.written) * u.price - u.read_cost - u.written_cost)
            FILTER (WHERE u.read + u.written > 0)) * 1e-12
    FROM used u
    CROSS JOIN (
        SELECT genai.chart_step(p_from, p_to, genai.spend_source(
            'model', p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service)) AS step
    ) w
    GROUP BY u.time, w.step
    ORDER BY u.time
$$;
