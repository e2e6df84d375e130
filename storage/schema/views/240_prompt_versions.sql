-- ranges: storage/schema/measures.py
-- Prompt versions side by side, in a window and its baseline: a deploy is usually older than the window that shows it.

-- What every version of the selection used. `calls` are of the window, `calls_before` of the baseline; the figures are of the
-- window where it has `p_min_calls` calls of the version, else of both. `distance`: half of that between the shares of calls
-- by model of a version and of its endpoint's other versions, which stand for both windows.
CREATE FUNCTION genai.version_usage(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text, p_user text,
    p_tenant text, p_model text, p_service text, p_min_calls numeric
) RETURNS TABLE (
    endpoint_tag text, prompt_version text, calls numeric, calls_before numeric, window_cost numeric, judged_calls numeric,
    requests numeric, cost numeric, unit numeric, input_tokens numeric, output_tokens numeric, successes numeric,
    errors numeric, unpriced numeric, latency numeric[], others_calls numeric, others_unit numeric, distance numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH used AS MATERIALIZED (
        SELECT u.side, u.endpoint_tag, u.prompt_version, u.model, u.calls, u.requests, u.successes, u.errors, u.input_tokens,
            u.output_tokens, u.unpriced_calls + u.uncertain_calls AS unpriced, u.cost_pico_usd AS cost,
            genai.unit_count(genai.judged_per_call('prompt_version', p_model, NULL), u.requests, u.calls, u.unpriced_calls,
                u.error_without_usage_calls) AS priced,
            sum(u.calls * u.side) OVER v AS calls_now, {latency_b00..latency_b23: u.#}
        FROM genai.usage_of_both(p_from, p_to, p_baseline, p_env, p_data_mode, 'prompt_version', p_endpoint, NULL, p_user,
            p_tenant, p_model, NULL, p_service) u
        WINDOW v AS (PARTITION BY u.endpoint_tag, u.prompt_version)
    ), version AS MATERIALIZED (
        SELECT u.endpoint_tag, u.prompt_version, sum(u.calls * u.side) AS calls, sum(u.calls * (1 - u.side)) AS calls_before,
            sum(u.cost * u.side) AS window_cost, sum(u.calls) AS all_calls, sum(u.cost) AS all_cost, sum(u.priced) AS all_priced,
            sum(u.calls) FILTER (WHERE f.counts) AS judged_calls, sum(u.requests) FILTER (WHERE f.counts) AS requests,
            sum(u.cost) FILTER (WHERE f.counts) AS cost, sum(u.priced) FILTER (WHERE f.counts) AS priced,
            sum(u.input_tokens) FILTER (WHERE f.counts) AS input_tokens, sum(u.unpriced) FILTER (WHERE f.counts) AS unpriced,
            sum(u.output_tokens) FILTER (WHERE f.counts) AS output_tokens,
            sum(u.successes) FILTER (WHERE f.counts) AS successes, sum(u.errors) FILTER (WHERE f.counts) AS errors,
            ARRAY[{latency_b00..latency_b23: sum(u.#) FILTER (WHERE f.counts)}] AS latency
        FROM used u CROSS JOIN LATERAL (SELECT u.side = 1 OR u.calls_now < p_min_calls AS counts) f
        GROUP BY u.endpoint_tag, u.prompt_version
    ), share AS (
        SELECT v.endpoint_tag, v.prompt_version,
            coalesce(sum(u.calls) FILTER (WHERE u.prompt_version = v.prompt_version), 0) / nullif(v.all_calls, 0) AS own,
            coalesce(sum(u.calls) FILTER (WHERE u.prompt_version <> v.prompt_version), 0)
                / nullif(sum(sum(u.calls)) OVER (PARTITION BY v.endpoint_tag, v.prompt_version) - v.all_calls, 0) AS others
        FROM version v JOIN used u ON u.endpoint_tag = v.endpoint_tag
        GROUP BY v.endpoint_tag, v.prompt_version, v.all_calls, u.model
    )
    SELECT v.endpoint_tag, v.prompt_version, v.calls, v.calls_before, v.window_cost, v.judged_calls, v.requests, v.cost,
        v.cost / nullif(v.priced, 0), v.input_tokens, v.output_tokens, v.successes, v.errors, v.unpriced, v.latency,
        sum(v.all_calls) OVER e - v.all_calls,
        (sum(v.all_cost) OVER e - v.all_cost) / nullif(sum(v.all_priced) OVER e - v.all_priced, 0),
        (SELECT 0.5 * sum(abs(s.own - s.others)) FROM share s
            WHERE s.endpoint_tag = v.endpoint_tag AND s.prompt_version = v.prompt_version)
    FROM version v
    WINDOW e AS (PARTITION BY v.endpoint_tag)
$$;

-- Every version of the selection with calls in the window or its baseline (none where that is NULL), the newest first, only
-- versions last.
-- `verdict` compares a version's cost per request with that of all other versions of its endpoint together; below
-- `p_min_calls` calls on either side it is advisory. `model_mix` says when the models differ by more than a tenth: then the
-- version is not the only difference.
CREATE FUNCTION genai.prompt_versions(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_user text, p_tenant text,
    p_model text, p_service text, p_min_calls numeric DEFAULT 50, p_baseline text DEFAULT NULL
) RETURNS TABLE (
    endpoint text, prompt_version text, first_seen timestamptz, last_seen timestamptz, calls bigint, requests bigint,
    cost_usd numeric, cost_share double precision, cost_per_request_usd numeric, others_cost_per_request_usd numeric,
    ratio double precision, input_tokens_per_request double precision, output_tokens_per_request double precision,
    success_ratio double precision, p50_ms double precision, p95_ms double precision, verdict text, model_mix text,
    calls_before bigint, judged_calls bigint, spend text, unit_cost text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH seen AS (
        SELECT s.endpoint_tag, s.prompt_version, min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
        FROM genai.series_seen s
        WHERE (p_env = '*' OR s.environment = ANY (string_to_array(p_env, ',')))
            AND (p_data_mode = '*' OR s.data_mode = p_data_mode)
            AND (coalesce(p_endpoint, '*') = '*' OR s.endpoint_tag = p_endpoint)
        GROUP BY s.endpoint_tag, s.prompt_version
    )
    SELECT v.endpoint_tag, v.prompt_version, s.first_seen, s.last_seen, v.calls::bigint, v.requests::bigint,
        v.window_cost * 1e-12, (v.window_cost / nullif(sum(v.window_cost) OVER (), 0))::float8, round(v.unit * 1e-12, 12),
        round(v.others_unit * 1e-12, 12), (v.unit / nullif(v.others_unit, 0))::float8,
        (v.input_tokens / nullif(v.requests, 0))::float8, (v.output_tokens / nullif(v.requests, 0))::float8,
        (v.successes / nullif(v.successes + v.errors, 0))::float8, q.p50_ms, q.p95_ms,
        CASE
            WHEN v.others_calls = 0 THEN 'only version'
            WHEN v.unit IS NULL OR v.others_unit IS NULL THEN 'no price'
            WHEN least(v.judged_calls, v.others_calls) < p_min_calls THEN 'advisory: too few calls'
            WHEN v.unit >= 1.5 * v.others_unit THEN 'much costlier'
            WHEN v.unit >= 1.2 * v.others_unit THEN 'costlier'
            WHEN v.unit * 1.2 <= v.others_unit THEN 'cheaper'
            ELSE 'alike'
        END,
        CASE WHEN v.others_calls = 0 THEN 'nothing to compare' WHEN v.distance > 0.1 THEN 'other models' ELSE 'same models' END,
        v.calls_before::bigint, v.judged_calls::bigint, genai.cost_text(v.window_cost * 1e-12, v.unpriced > 0, v.calls),
        genai.cost_text(round(v.unit * 1e-12, 12), false, v.judged_calls)
    FROM genai.version_usage(
        p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_user, p_tenant, p_model, p_service, p_min_calls) v
    LEFT JOIN seen s ON s.endpoint_tag = v.endpoint_tag AND s.prompt_version = v.prompt_version
    CROSS JOIN LATERAL genai.latency_quantiles(v.latency) q
    ORDER BY v.others_calls = 0, s.first_seen DESC NULLS LAST, v.window_cost DESC, v.endpoint_tag, v.prompt_version
    LIMIT 50
$$;

-- The two versions of one endpoint to hold against each other: A the chosen one, B the other version with most calls. Without a
-- choice the pair whose cost of a request times A's calls differs most, A the newer one. B is NULL where there is no other.
CREATE FUNCTION genai.version_pair(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_min_calls numeric DEFAULT 50, p_baseline text DEFAULT NULL
) RETURNS TABLE (endpoint text, a jsonb, b jsonb, difference_usd numeric) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH version AS MATERIALIZED (
        SELECT v.*, row_number() OVER () AS age FROM genai.prompt_versions(
            p_from, p_to, p_env, p_data_mode, p_endpoint, p_user, p_tenant, p_model, p_service, p_min_calls, p_baseline) v
    )
    SELECT a.endpoint, to_jsonb(a), to_jsonb(b), (a.cost_per_request_usd - b.cost_per_request_usd) * a.requests
    FROM version a
    LEFT JOIN version b ON b.endpoint = a.endpoint AND b.prompt_version <> a.prompt_version
        AND genai.is_named(b.prompt_version) AND (b.age > a.age OR coalesce(p_prompt_version, '*') <> '*')
    WHERE CASE WHEN coalesce(p_prompt_version, '*') = '*' THEN genai.is_named(a.prompt_version)
        ELSE a.prompt_version = p_prompt_version END
    ORDER BY b.prompt_version IS NULL,
        CASE WHEN coalesce(p_prompt_version, '*') = '*'
            THEN abs(a.cost_per_request_usd - b.cost_per_request_usd) * a.calls ELSE b.judged_calls END DESC NULLS LAST,
        a.age, b.age
    LIMIT 1
$$;

-- How far a difference between two versions may be believed: the cost of a call scatters about as much as its mean, so that
-- the ratio of two means does by the root of 1/calls; beyond three of these it is sure, beyond two likely.
CREATE FUNCTION genai.confidence_of(p_ratio double precision, p_calls numeric, p_other_calls numeric, p_min_calls numeric, p_is_same boolean)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN coalesce(p_ratio, 0) <= 0 THEN NULL
        WHEN least(p_calls, p_other_calls) < p_min_calls OR NOT p_is_same THEN 'low'
        WHEN abs(ln(p_ratio)) >= 3 * sqrt(1 / p_calls + 1 / p_other_calls) THEN 'high'
        WHEN abs(ln(p_ratio)) >= 2 * sqrt(1 / p_calls + 1 / p_other_calls) THEN 'medium'
        ELSE 'low' END
$$;

-- One row: what the pair says, in a sentence with its sample, its models and its confidence; the dollars are what A's requests
-- cost more than at B's price.
CREATE FUNCTION genai.prompt_verdict(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_min_calls numeric DEFAULT 50, p_baseline text DEFAULT NULL
) RETURNS TABLE (
    endpoint text, prompt_version text, other_version text, sentence text, confidence text, change text, change_usd numeric,
    cost_per_request_usd numeric, ratio double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.endpoint, p.a ->> 'prompt_version', p.b ->> 'prompt_version', CASE
            WHEN p.b IS NULL AND coalesce(p_prompt_version, '*') = '*'
                THEN 'No endpoint of this selection has two versions in this range and its baseline.'
            ELSE p.endpoint || ': ' END || CASE
            WHEN p.b IS NULL AND coalesce(p_prompt_version, '*') = '*' THEN ''
            WHEN p.b IS NULL THEN (p.a ->> 'prompt_version') || ' is the only version in this range and its baseline.'
            WHEN v.ratio IS NULL THEN (p.a ->> 'prompt_version') || ' against ' || (p.b ->> 'prompt_version')
                || ': the cost of a request is unknown.'
            ELSE 'a request costs ' || CASE WHEN abs(v.ratio - 1) < 0.03 THEN 'the same'
                    ELSE genai.factor_text(v.ratio::numeric) END || ' with ' || (p.a ->> 'prompt_version') || ' ('
                || genai.unit_text(v.unit_b) || ' with ' || (p.b ->> 'prompt_version') || ' → ' || genai.unit_text(v.unit_a)
                || ')' || CASE WHEN abs(v.ratio - 1) < 0.03 THEN '' ELSE coalesce(', because ' || genai.deploy_reason(
                    jsonb_build_object('prompt_version', p.a ->> 'prompt_version', 'written', v.written, 'read', v.read,
                        'new_unit_usd', v.unit_a, 'unit_usd', v.unit_b)), '') END
                || '. ' || genai.count_text(v.calls_a) || ' against ' || genai.count_text(v.calls_b) || ' calls, '
                || CASE WHEN v.is_same THEN 'same models' ELSE 'the models differ' END || CASE
                    WHEN least(v.calls_a, v.calls_b) < p_min_calls THEN ', fewer than ' || p_min_calls || ' on one side'
                    ELSE '' END || '.' END,
        genai.confidence_of(v.ratio, v.calls_a, v.calls_b, p_min_calls, v.is_same),
        CASE WHEN p.difference_usd IS NULL THEN '' ELSE genai.change_text(p.difference_usd) END, p.difference_usd, v.unit_a, v.ratio
    FROM genai.version_pair(p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
        p_service, p_min_calls, p_baseline) p
    CROSS JOIN LATERAL (
        SELECT (p.a ->> 'cost_per_request_usd')::numeric AS unit_a, (p.b ->> 'cost_per_request_usd')::numeric AS unit_b,
            (p.a ->> 'cost_per_request_usd')::float8 / nullif((p.b ->> 'cost_per_request_usd')::float8, 0) AS ratio,
            round((p.a ->> 'output_tokens_per_request')::numeric / nullif((p.b ->> 'output_tokens_per_request')::numeric, 0), 6)
                AS written,
            round((p.a ->> 'input_tokens_per_request')::numeric / nullif((p.b ->> 'input_tokens_per_request')::numeric, 0), 6)
                AS read,
            (p.a ->> 'judged_calls')::numeric AS calls_a, (p.b ->> 'judged_calls')::numeric AS calls_b,
            p.a ->> 'model_mix' <> 'other models' AS is_same
    ) v
$$;

-- The same two versions figure by figure.
CREATE FUNCTION genai.prompt_pair(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_min_calls numeric DEFAULT 50, p_baseline text DEFAULT NULL
) RETURNS TABLE (
    place integer, figure text, a double precision, b double precision, ratio double precision, a_text text, b_text text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT f.place, f.figure, (p.a ->> f.key)::float8 / f.unit, (p.b ->> f.key)::float8 / f.unit,
        (p.a ->> f.key)::float8 / nullif((p.b ->> f.key)::float8, 0),
        genai.figure_text(f.kind, (p.a ->> f.key)::float8 / f.unit),
        CASE WHEN p.b IS NULL THEN '–' ELSE genai.figure_text(f.kind, (p.b ->> f.key)::float8 / f.unit) END
    FROM genai.version_pair(p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
        p_service, p_min_calls, p_baseline) p
    CROSS JOIN (VALUES
        (1, 'calls compared', 'judged_calls', 'count', 1), (2, 'cost per request', 'cost_per_request_usd', 'usd', 1),
        (3, 'input tokens per request', 'input_tokens_per_request', 'count', 1),
        (4, 'output tokens per request', 'output_tokens_per_request', 'count', 1),
        (5, 'success', 'success_ratio', 'share', 1), (6, 'latency p50', 'p50_ms', 'seconds', 1e3),
        (7, 'latency p95', 'p95_ms', 'seconds', 1e3)
    ) f (place, figure, key, kind, unit)
    ORDER BY f.place
$$;
