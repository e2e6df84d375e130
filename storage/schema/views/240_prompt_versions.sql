-- ranges: storage/schema/measures.py
-- Prompt versions side by side.

-- Every version of the selection with calls in the window, the newest first. `verdict` compares a version's cost per
-- request with that of all other versions of its endpoint together; below `p_min_calls` calls on either side it is
-- advisory. `model_mix` says when the models differ by more than a tenth: then the version is not the only difference.
CREATE FUNCTION genai.prompt_versions(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_user text, p_tenant text,
    p_model text, p_service text, p_min_calls numeric DEFAULT 50
) RETURNS TABLE (
    endpoint text, prompt_version text, first_seen timestamptz, last_seen timestamptz, calls bigint, requests bigint,
    cost_usd numeric, cost_share double precision, cost_per_request_usd numeric, others_cost_per_request_usd numeric,
    ratio double precision, input_tokens_per_request double precision, output_tokens_per_request double precision,
    success_ratio double precision, p50_ms double precision, p95_ms double precision, verdict text, model_mix text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH cell AS MATERIALIZED (
        SELECT u.endpoint_tag, u.prompt_version, u.model, sum(u.calls) AS calls, sum(u.requests) AS requests,
            sum(u.successes) AS successes, sum(u.errors) AS errors, sum(u.input_tokens) AS input_tokens,
            sum(u.output_tokens) AS output_tokens, sum(u.cost_pico_usd) AS cost, ARRAY[
                {latency_b00..latency_b23: sum(u.#)}] AS latency
        FROM genai.usage_of(
            p_from, p_to, p_env, p_data_mode, 'prompt_version', p_endpoint, NULL, p_user, p_tenant, p_model, NULL,
            p_service) u
        GROUP BY u.endpoint_tag, u.prompt_version, u.model
    ), version AS (
        SELECT c.endpoint_tag, c.prompt_version, sum(c.calls) AS calls, sum(c.requests) AS requests,
            sum(c.successes) AS successes, sum(c.errors) AS errors, sum(c.input_tokens) AS input_tokens,
            sum(c.output_tokens) AS output_tokens, sum(c.cost) AS cost
        FROM cell c
        GROUP BY c.endpoint_tag, c.prompt_version
    ), mix AS (
        -- Half of the distance between a version's shares of calls by model and its endpoint's other versions'.
        SELECT m.endpoint_tag, m.prompt_version, 0.5 * sum(abs(m.share - m.others_share)) AS distance
        FROM (
            SELECT v.endpoint_tag, v.prompt_version, c.model,
                coalesce(sum(c.calls) FILTER (WHERE c.prompt_version = v.prompt_version), 0) / nullif(v.calls, 0) AS share,
                coalesce(sum(c.calls) FILTER (WHERE c.prompt_version <> v.prompt_version), 0)
                    / nullif(e.calls - v.calls, 0) AS others_share
            FROM version v
            JOIN (SELECT x.endpoint_tag, sum(x.calls) AS calls FROM version x GROUP BY x.endpoint_tag) e
                ON e.endpoint_tag = v.endpoint_tag
            JOIN cell c ON c.endpoint_tag = v.endpoint_tag
            GROUP BY v.endpoint_tag, v.prompt_version, c.model, v.calls, e.calls
        ) m
        GROUP BY m.endpoint_tag, m.prompt_version
    ), seen AS (
        SELECT s.endpoint_tag, s.prompt_version, min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
        FROM genai.series_seen s
        WHERE (p_env = '*' OR s.environment = ANY (string_to_array(p_env, ',')))
            AND (p_data_mode = '*' OR s.data_mode = p_data_mode)
            AND (coalesce(p_endpoint, '*') = '*' OR s.endpoint_tag = p_endpoint)
        GROUP BY s.endpoint_tag, s.prompt_version
    )
    SELECT j.endpoint_tag, j.prompt_version, s.first_seen, s.last_seen, j.calls::bigint, j.requests::bigint,
        j.cost * 1e-12, (j.cost / nullif(sum(j.cost) OVER (), 0))::float8, round(j.unit, 12), round(j.others_unit, 12),
        (j.unit / nullif(j.others_unit, 0))::float8, (j.input_tokens / nullif(j.requests, 0))::float8,
        (j.output_tokens / nullif(j.requests, 0))::float8, (j.successes / nullif(j.successes + j.errors, 0))::float8,
        q.p50_ms, q.p95_ms,
        CASE
            WHEN j.others_calls = 0 THEN 'only version'
            WHEN least(j.calls, j.others_calls) < p_min_calls THEN 'advisory: too few calls'
            WHEN j.unit >= 1.5 * j.others_unit THEN 'much costlier'
            WHEN j.unit >= 1.2 * j.others_unit THEN 'costlier'
            WHEN j.unit * 1.2 <= j.others_unit THEN 'cheaper'
            ELSE 'alike'
        END,
        CASE WHEN j.others_calls = 0 THEN 'nothing to compare' WHEN m.distance > 0.1 THEN 'other models' ELSE 'same models' END
    FROM (
        SELECT v.*, v.cost * 1e-12 / nullif(v.requests, 0) AS unit,
            sum(v.calls) OVER e - v.calls AS others_calls,
            (sum(v.cost) OVER e - v.cost) * 1e-12 / nullif(sum(v.requests) OVER e - v.requests, 0) AS others_unit
        FROM version v
        WINDOW e AS (PARTITION BY v.endpoint_tag)
    ) j
    LEFT JOIN mix m ON m.endpoint_tag = j.endpoint_tag AND m.prompt_version = j.prompt_version
    LEFT JOIN seen s ON s.endpoint_tag = j.endpoint_tag AND s.prompt_version = j.prompt_version
    LEFT JOIN LATERAL (
        SELECT l.p50_ms, l.p95_ms
        FROM (
            SELECT array_agg(b.calls ORDER BY b.place) AS counts
            FROM (
                SELECT h.place, sum(h.calls) AS calls
                FROM cell c CROSS JOIN LATERAL unnest(c.latency) WITH ORDINALITY h (calls, place)
                WHERE c.endpoint_tag = j.endpoint_tag AND c.prompt_version = j.prompt_version
                GROUP BY h.place
            ) b
        ) a
        CROSS JOIN LATERAL genai.latency_quantiles(a.counts) l
    ) q ON true
    ORDER BY s.first_seen DESC NULLS LAST, j.cost DESC, j.endpoint_tag, j.prompt_version
    LIMIT 50
$$;

-- Two versions of one endpoint, A the chosen one (else the newest of the endpoint), B the one it is held against (else
-- the most expensive of the others): figure by figure, with a sentence that says whether it may be believed.
CREATE FUNCTION genai.prompt_pair(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_min_calls numeric DEFAULT 50
) RETURNS TABLE (
    place integer, figure text, a double precision, b double precision, ratio double precision, versions text, remark text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH version AS MATERIALIZED (
        SELECT v.* FROM genai.prompt_versions(
            p_from, p_to, p_env, p_data_mode, p_endpoint, p_user, p_tenant, p_model, p_service, p_min_calls) v
    ), a AS (
        SELECT v.* FROM version v
        WHERE coalesce(p_prompt_version, '*') = '*' OR v.prompt_version = p_prompt_version
        ORDER BY v.verdict = 'only version', v.first_seen DESC NULLS LAST, v.cost_usd DESC, v.endpoint, v.prompt_version
        LIMIT 1
    ), b AS (
        SELECT v.* FROM version v JOIN a ON a.endpoint = v.endpoint AND a.prompt_version <> v.prompt_version
        ORDER BY v.cost_usd DESC, v.prompt_version
        LIMIT 1
    )
    SELECT f.place, f.figure, f.a, f.b, f.a / nullif(f.b, 0),
        a.endpoint || ': ' || a.prompt_version || ' against ' || coalesce(b.prompt_version, 'nothing'),
        CASE
            WHEN b.prompt_version IS NULL THEN 'no other version in this range'
            WHEN least(a.calls, b.calls) < p_min_calls THEN 'advisory: fewer than ' || p_min_calls || ' calls on one side'
            WHEN a.model_mix = 'other models' THEN 'the models differ, too'
            ELSE 'enough calls, same models'
        END
    FROM a
    LEFT JOIN b ON true
    CROSS JOIN LATERAL (VALUES
        (1, 'calls', a.calls::float8, b.calls::float8),
        (2, 'spend (USD)', a.cost_usd::float8, b.cost_usd::float8),
        (3, 'cost per request (USD)', a.cost_per_request_usd::float8, b.cost_per_request_usd::float8),
        (4, 'input tokens per request', a.input_tokens_per_request, b.input_tokens_per_request),
        (5, 'output tokens per request', a.output_tokens_per_request, b.output_tokens_per_request),
        (6, 'success ratio', a.success_ratio, b.success_ratio),
        (7, 'latency p50 (s)', a.p50_ms / 1e3, b.p50_ms / 1e3),
        (8, 'latency p95 (s)', a.p95_ms / 1e3, b.p95_ms / 1e3)
    ) f (place, figure, a, b)
    ORDER BY f.place
$$;
