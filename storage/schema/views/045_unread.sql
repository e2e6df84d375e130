-- Usage that no rule reads (LEDGER §14): spans and log records with token counts, or with a model and its provider, that
-- no vocabulary knows, outside of every counted call. Their money is in no total.

-- Who sent it and where it belongs; `keys` are names of attributes. Beyond 2,000 sources environment, service and scope
-- read `__other__`.
CREATE VIEW genai.unread_source AS
SELECT s.id, s.environment, s.data_mode, s.service_name, s.scope, s.version, s.keys FROM _genai.unread_source s;

-- By source and minute, or hour beyond the minutes that are kept. `first_seen` and `last_seen` are the spans' own starts.
CREATE VIEW genai.unread_bucket AS
SELECT u.bucket, u.source_id, u.spans, u.first_at AS first_seen, u.last_at AS last_seen
FROM _genai.unread u
WHERE u.spans > 0 AND u.bucket >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'hour');

-- Both together.
CREATE VIEW genai.unread AS
SELECT b.bucket, s.environment, s.data_mode, s.service_name, s.scope, s.version, s.keys, b.spans, b.first_seen, b.last_seen
FROM genai.unread_bucket b JOIN genai.unread_source s ON s.id = b.source_id;

-- The sources of a window's unread usage, the latest first; `keys` as one text. For an environment (or several with
-- commas), a data mode and a service; '*' or NULL for all. What has no room of its own belongs everywhere.
-- Summed before it is joined: the planner knows little of a window, and a source is looked up once.
CREATE FUNCTION genai.unread_sources(
    p_from timestamptz, p_to timestamptz, p_env text DEFAULT '*', p_data_mode text DEFAULT '*', p_service text DEFAULT NULL
) RETURNS TABLE (
    scope text, version text, service_name text, environment text, data_mode text, keys text, spans bigint,
    first_seen timestamptz, last_seen timestamptz
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.scope, s.version, s.service_name, s.environment, s.data_mode, array_to_string(s.keys, ', '), w.spans,
        w.first_seen, w.last_seen
    FROM (
        SELECT b.source_id, sum(b.spans)::bigint AS spans, min(b.first_seen) AS first_seen, max(b.last_seen) AS last_seen
        FROM genai.unread_bucket b
        WHERE b.bucket > p_from - interval '1 hour' AND b.bucket < p_to AND b.last_seen >= p_from AND b.first_seen < p_to
        GROUP BY b.source_id
    ) w
    JOIN genai.unread_source s ON s.id = w.source_id
    WHERE (p_env = '*' OR s.environment = '__other__' OR s.environment = ANY (string_to_array(p_env, ',')))
        AND (p_data_mode = '*' OR s.data_mode = p_data_mode)
        AND (coalesce(p_service, '*') = '*' OR s.service_name IN ('__other__', p_service))
    ORDER BY w.last_seen DESC, w.spans DESC, s.scope, s.version, s.service_name
$$;

-- How many such spans a window holds. Above zero every total of the window says "at least", whatever else it is narrowed
-- to: the endpoint and model of unread usage are unknown.
CREATE FUNCTION genai.unread_spans(
    p_from timestamptz, p_to timestamptz, p_env text DEFAULT '*', p_data_mode text DEFAULT '*', p_service text DEFAULT NULL
) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum(u.spans), 0)::bigint FROM genai.unread_sources(p_from, p_to, p_env, p_data_mode, p_service) u
$$;

-- The one rule of "at least" (LEDGER §14).
CREATE FUNCTION genai.at_least(p_unpriced numeric, p_uncertain numeric, p_unread bigint)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(p_unpriced, 0) + coalesce(p_uncertain, 0) + coalesce(p_unread, 0) > 0
$$;
