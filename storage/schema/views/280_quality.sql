-- Tracking quality (docs/quality.md): of the calls of a selection, how many lack what a figure needs. All from the rollups, but
-- raw identities: only single calls tell of them.

-- What is looked at, and how many of 100 points it takes from the score where every call fails it.
CREATE VIEW genai.quality_item AS
SELECT v.place, v.item, v.weight
FROM (VALUES
    (1, 'endpoint', 20), (2, 'prompt_version', 15), (3, 'identity', 15), (4, 'raw_identity', 10), (5, 'spelling', 10),
    (6, 'test_in_prod', 10), (7, 'usage', 10), (8, 'model', 10)
) v (place, item, weight);

-- The calls of a service, endpoint, version and model. `is_selected`: the data mode is one that was asked for.
CREATE TYPE genai.quality_cell AS (
    is_selected boolean, environment text, data_mode text, service text, endpoint text, prompt_version text, provider text,
    model text, calls numeric, uncertain numeric, unpriced numeric
);

-- Every data mode of the selection, for test data in prod stands beside the real calls.
CREATE FUNCTION genai.quality_cells(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS SETOF genai.quality_cell LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p_data_mode = '*' OR u.data_mode = p_data_mode, u.environment, u.data_mode, u.service_name, u.endpoint_tag,
        u.prompt_version, u.provider, u.model, sum(u.calls), sum(u.uncertain_calls), sum(u.unpriced_calls)
    FROM genai.sums_of(
        p_from, p_to, NULL, p_env, '*', 'endpoint', p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_provider,
        p_service, genai.window_source('endpoint,prompt_version,service', p_endpoint, p_prompt_version, p_user, p_tenant,
            p_service)) u
    GROUP BY u.environment, u.data_mode, u.service_name, u.endpoint_tag, u.prompt_version, u.provider, u.model
$$;

-- What the spellings of one tag have in common: no case, and one sign for every run of separators.
CREATE FUNCTION genai.tag_form(p_tag text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(btrim(regexp_replace(lower(p_tag), '[[:space:]._/:-]+', '.', 'g'), '.'), ''), p_tag)
$$;

-- The less usual spellings of services, endpoints and versions of an endpoint, each with the usual one: that of most calls,
-- of as many the one in small letters.
CREATE FUNCTION genai.spellings(p_cells genai.quality_cell[])
RETURNS TABLE (kind text, within text, tag text, usual text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.kind, s.within, s.tag, s.usual
    FROM (
        SELECT t.kind, t.within, t.tag,
            first_value(t.tag) OVER (
                PARTITION BY t.kind, t.within, genai.tag_form(t.tag) ORDER BY sum(c.calls) DESC, t.tag COLLATE "C" DESC
            ) AS usual
        FROM unnest(p_cells) c
        CROSS JOIN LATERAL (VALUES
            ('service', '', c.service), ('endpoint', '', c.endpoint),
            ('prompt version', genai.tag_form(c.endpoint), c.prompt_version)
        ) t (kind, within, tag)
        WHERE c.is_selected AND t.tag NOT IN ('unknown', '__other__', '')
        GROUP BY t.kind, t.within, t.tag
    ) s
    WHERE s.tag <> s.usual
$$;

-- What the cells tell: a row for each item, service, endpoint and value, with its calls and those that fail. Items without a
-- value of their own have '' there. Who asks for a data mode does not hear that its calls are there.
CREATE FUNCTION genai.quality_of_cells(p_cells genai.quality_cell[], p_data_mode text)
RETURNS TABLE (item text, service text, endpoint text, value text, calls numeric, failed numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH spelling AS MATERIALIZED (SELECT s.* FROM genai.spellings(p_cells) s)
    SELECT i.item, c.service, c.endpoint, i.value, sum(c.calls), sum(i.failed)
    FROM unnest(p_cells) c
    LEFT JOIN spelling s ON s.kind = 'service' AND s.tag = c.service
    LEFT JOIN spelling e ON e.kind = 'endpoint' AND e.tag = c.endpoint
    LEFT JOIN spelling v ON v.kind = 'prompt version' AND v.tag = c.prompt_version
        AND v.within = genai.tag_form(c.endpoint)
    CROSS JOIN LATERAL (VALUES
        ('endpoint', '', c.is_selected, CASE WHEN c.endpoint = 'unknown' THEN c.calls ELSE 0 END),
        ('prompt_version', '', c.is_selected, CASE WHEN c.prompt_version = 'unknown' THEN c.calls ELSE 0 END),
        ('spelling', concat_ws('; ', 'service ' || s.tag || ' beside ' || s.usual,
                'endpoint ' || e.tag || ' beside ' || e.usual, 'prompt version ' || v.tag || ' beside ' || v.usual),
            c.is_selected, CASE WHEN coalesce(s.tag, e.tag, v.tag) IS NOT NULL THEN c.calls ELSE 0 END),
        ('test_in_prod', CASE c.data_mode WHEN 'real' THEN '' ELSE c.data_mode END, c.environment = 'prod',
            CASE WHEN c.data_mode IN ('real', p_data_mode) THEN 0 ELSE c.calls END),
        ('usage', '', c.is_selected, c.uncertain),
        ('model', CASE WHEN c.unpriced > 0 THEN c.provider || '/' || c.model ELSE '' END, c.is_selected, c.unpriced)
    ) i (item, value, is_of_item, failed)
    WHERE i.is_of_item
    GROUP BY i.item, c.service, c.endpoint, i.value
$$;

-- Calls without user and tenant. By endpoint only: the rollups by identity know no service. Their window may be shorter (hours
-- by identity are kept for 35 days): `p_cells` are the cells of that window, or NULL where a user or tenant is asked for; then
-- the people that are asked for are read, else only those without a name, who are few rows of a quarter of a million.
CREATE FUNCTION genai.quality_of_identities(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_provider text, p_service text, p_cells genai.quality_cell[]
) RETURNS TABLE (endpoint text, calls numeric, failed numeric) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH piece AS MATERIALIZED (
        SELECT w.* FROM genai.window_pieces(p_from, p_to, NULL, genai.window_source(
            'endpoint,user', p_endpoint, p_prompt_version, p_user, p_tenant, p_service)) w
    ), wanted AS MATERIALIZED (
        SELECT s.id FROM genai.series_of(p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s
    ), person AS MATERIALIZED (
        SELECT i.id, i.tenant_id = 'unknown' AND i.user_id = 'unknown' AS is_nobody
        FROM genai.identity_of(p_user, p_tenant) i
        WHERE p_cells IS NULL OR i.tenant_id = 'unknown' AND i.user_id = 'unknown'
    )
    SELECT u.endpoint, sum(u.calls), sum(u.failed)
    FROM (
        SELECT c.endpoint, c.calls, 0 AS failed FROM unnest(p_cells) c WHERE c.is_selected
        UNION ALL
        SELECT s.endpoint_tag, CASE WHEN p_cells IS NULL THEN m.calls ELSE 0 END, CASE WHEN n.is_nobody THEN m.calls ELSE 0 END
        FROM (
            SELECT m.* FROM piece p CROSS JOIN LATERAL (
                SELECT m.series_id, m.identity_id, m.calls FROM genai.measured_identity_hour m
                WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND m.identity_id = ANY (ARRAY(SELECT n.id FROM person n))
                OFFSET 0
            ) m
            WHERE p.level = 'hour'
            UNION ALL
            SELECT m.* FROM piece p CROSS JOIN LATERAL (
                SELECT m.series_id, m.identity_id, m.calls FROM genai.measured_call m
                WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND m.identity_id = ANY (ARRAY(SELECT n.id FROM person n))
                OFFSET 0
            ) m
            WHERE p.level = 'call'
        ) m
        JOIN person n ON n.id = m.identity_id
        LEFT JOIN genai.series s ON s.id = m.series_id
        WHERE CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
    ) u
    GROUP BY u.endpoint
$$;

-- One row for each call whose user or tenant looked like a person and was hashed here (flag `raw_identity`).
CREATE VIEW genai.raw_identity_call AS
SELECT m.time, coalesce(s.booked_id, m.series_id) AS series_id, coalesce(i.booked_id, m.identity_id) AS identity_id
FROM _genai.model_call m
LEFT JOIN _genai.fold s ON m.folded <> 0 AND s.id = m.series_id AND s.folded = m.folded & 127::smallint
LEFT JOIN _genai.fold i ON m.folded <> 0 AND i.id = m.identity_id AND i.folded = m.folded & 384::smallint
WHERE m.flags & 128 <> 0 AND m.merged_into IS NULL
    AND CASE WHEN m.time >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw') THEN true END;

-- The same calls by service and endpoint, and beside them all calls of the part of the window that single calls are kept for:
-- `p_cells` where that is the whole.
CREATE FUNCTION genai.quality_of_raw(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_provider text, p_service text, p_cells genai.quality_cell[]
) RETURNS TABLE (service text, endpoint text, calls numeric, failed numeric) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT a.service, a.endpoint, sum(a.calls), sum(a.failed)
    FROM (
        SELECT c.service, c.endpoint, c.calls, 0 AS failed
        FROM genai.floor f CROSS JOIN LATERAL unnest(p_cells) c
        WHERE f.level = 'raw' AND f.time <= p_from AND c.is_selected
        UNION ALL
        SELECT c.service, c.endpoint, c.calls, 0
        FROM genai.floor f
        CROSS JOIN LATERAL genai.quality_cells(
            f.time, greatest(p_to, f.time), p_env, p_data_mode, p_endpoint, p_prompt_version, p_user,
            p_tenant, p_model, p_provider, p_service) c
        WHERE f.level = 'raw' AND f.time > p_from AND c.is_selected
        UNION ALL
        SELECT s.service_name, s.endpoint_tag, 0, 1
        FROM genai.raw_identity_call r
        JOIN genai.series_of(p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s
            ON s.id = r.series_id
        JOIN genai.identity_of(p_user, p_tenant) i ON i.id = r.identity_id
        WHERE r.time >= p_from AND r.time < p_to
    ) a
    GROUP BY a.service, a.endpoint
$$;

-- Every item of a selection by service, endpoint and value: its calls, and those that fail it. Filters are NULL or '*' for all.
CREATE FUNCTION genai.quality(
    p_from timestamptz, p_to timestamptz, p_env text DEFAULT 'prod', p_data_mode text DEFAULT 'real',
    p_endpoint text DEFAULT '*', p_prompt_version text DEFAULT '*', p_user text DEFAULT '*', p_tenant text DEFAULT '*',
    p_model text DEFAULT '*', p_provider text DEFAULT '*', p_service text DEFAULT '*'
) RETURNS TABLE (item text, weight integer, service text, endpoint text, value text, calls bigint, failed bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH cell AS MATERIALIZED (
        SELECT ARRAY(
            SELECT c FROM genai.quality_cells(
                p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_provider,
                p_service) c) AS cells
    ), person_window AS MATERIALIZED (
        SELECT w.from_used, w.to_used, w.from_used = p_from AND w.to_used = p_to AS is_whole,
            coalesce(p_user, '*') = '*' AND coalesce(p_tenant, '*') = '*' AS is_all
        FROM genai.window_ranges(p_from, p_to, genai.window_source(
            'endpoint,user', p_endpoint, p_prompt_version, p_user, p_tenant, p_service)) w
    ), person_cell AS MATERIALIZED (
        SELECT CASE WHEN w.is_all AND w.is_whole THEN x.cells WHEN w.is_all THEN ARRAY(
            SELECT c FROM genai.quality_cells(
                w.from_used, w.to_used, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_provider,
                p_service) c) END AS cells
        FROM cell x CROSS JOIN person_window w
    )
    SELECT i.item, i.weight, coalesce(q.service, ''), coalesce(q.endpoint, ''), coalesce(q.value, ''),
        coalesce(q.calls, 0)::bigint, coalesce(q.failed, 0)::bigint
    FROM genai.quality_item i
    LEFT JOIN (
        SELECT c.item, c.service, c.endpoint, c.value, c.calls, c.failed
        FROM cell x CROSS JOIN LATERAL genai.quality_of_cells(x.cells, p_data_mode) c
        UNION ALL
        SELECT 'identity', '', n.endpoint, '', n.calls, n.failed
        FROM person_cell x CROSS JOIN LATERAL genai.quality_of_identities(
            p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_provider,
            p_service, x.cells) n
        UNION ALL
        SELECT 'raw_identity', r.service, r.endpoint, '', r.calls, r.failed
        FROM cell x CROSS JOIN LATERAL genai.quality_of_raw(
            p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_provider,
            p_service, x.cells) r
    ) q ON q.item = i.item
    ORDER BY i.place, q.failed DESC NULLS LAST, q.calls DESC, q.service, q.endpoint, q.value
$$;
