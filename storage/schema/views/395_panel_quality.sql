-- What the Tracking quality dashboard asks (docs/quality.md).

-- The items with their calls: `points` is what each takes from the score. No row without calls.
CREATE FUNCTION genai.quality_items(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_service text)
RETURNS TABLE (place integer, item text, weight integer, calls bigint, failed bigint, points numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT i.place, q.item, q.weight, q.calls, q.failed, coalesce(q.weight * q.failed / nullif(q.calls, 0), 0)
    FROM (
        SELECT x.item, x.weight, sum(x.calls)::numeric AS calls, sum(x.failed)::numeric AS failed
        FROM genai.quality(p_from, p_to, p_env, p_data_mode, p_service => p_service) x
        GROUP BY x.item, x.weight
    ) q
    JOIN genai.quality_item i ON i.item = q.item
    ORDER BY i.place
$$;

-- The score in large letters, rounded down: only a faultless selection reads 100.0.
CREATE FUNCTION genai.panel_quality_score(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_service text)
RETURNS TABLE (score double precision, failing bigint, calls bigint, worst text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (floor((100 - sum(q.points)) * 10) / 10)::float8, count(*) FILTER (WHERE q.failed > 0), max(q.calls),
        CASE WHEN max(q.points) > 0 THEN (array_agg(q.item ORDER BY q.points DESC))[1] ELSE 'none' END
    FROM genai.quality_items(p_from, p_to, p_env, p_data_mode, p_service) q
    HAVING max(q.calls) > 0
$$;

-- The checklist. `remedy` repeats the item, for the panel to word it.
CREATE FUNCTION genai.panel_quality_items(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_service text)
RETURNS TABLE (state text, item text, calls bigint, failed bigint, share double precision, points double precision,
    weight integer, remedy text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN q.calls = 0 THEN 'none' WHEN q.failed > 0 THEN 'fails' ELSE 'passes' END, q.item, q.calls, q.failed,
        (q.failed::numeric / nullif(q.calls, 0))::float8, (ceil(q.points * 10) / 10)::float8, q.weight,
        CASE WHEN q.failed > 0 THEN q.item ELSE '' END
    FROM genai.quality_items(p_from, p_to, p_env, p_data_mode, p_service) q
$$;

-- Where calls fail, most calls first, with the selection that lists calls like them.
CREATE FUNCTION genai.panel_quality_offenders(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_service text)
RETURNS TABLE (item text, found text, service_shown text, endpoint_shown text, failed bigint, share double precision,
    environments text, data_mode text, service text, endpoint text, prompt_version text, price text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT q.item, q.value, q.service, q.endpoint, q.failed, (q.failed::numeric / q.calls)::float8,
        CASE WHEN q.item = 'test_in_prod' THEN 'var-env=prod' ELSE coalesce((
            SELECT string_agg('var-env=' || genai.url_text(e), '&') FROM unnest(string_to_array(p_env, ',')) e), 'var-env=') END,
        CASE WHEN q.item = 'test_in_prod' THEN q.value ELSE p_data_mode END, coalesce(nullif(q.service, ''), p_service),
        coalesce(nullif(q.endpoint, ''), '*'), CASE WHEN q.item = 'prompt_version' THEN 'unknown' ELSE '*' END,
        CASE WHEN q.item = 'model' THEN 'unpriced_model' ELSE '*' END
    FROM genai.quality(p_from, p_to, p_env, p_data_mode, p_service => p_service) q
    WHERE q.failed > 0
    ORDER BY q.weight * q.failed DESC, q.item, q.service, q.endpoint, q.value
    LIMIT 200
$$;

-- What the calls of each service take from the score. Missing identity is not kept by service.
CREATE FUNCTION genai.panel_quality_services(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_service text)
RETURNS TABLE (service text, calls bigint, points double precision, items text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH row_of AS MATERIALIZED (
        SELECT q.* FROM genai.quality(p_from, p_to, p_env, p_data_mode, p_service => p_service) q WHERE q.service <> ''
    ), whole AS (
        SELECT r.item, sum(r.calls) AS calls FROM row_of r GROUP BY r.item
    )
    SELECT r.service, max(i.calls)::bigint, (ceil(sum(r.points) * 10) / 10)::float8, coalesce(string_agg(DISTINCT replace(r.item, '_', ' '), ', ')
        FILTER (WHERE r.failed > 0), '')
    FROM (
        SELECT r.service, r.item, sum(r.failed) AS failed, r.weight * sum(r.failed) / nullif(w.calls, 0) AS points
        FROM row_of r JOIN whole w ON w.item = r.item
        GROUP BY r.service, r.item, r.weight, w.calls
    ) r
    JOIN (SELECT r.service, sum(r.calls) AS calls FROM row_of r WHERE r.item = 'endpoint' GROUP BY r.service) i
        ON i.service = r.service
    GROUP BY r.service
    ORDER BY sum(r.points) DESC, r.service
    LIMIT 50
$$;
