-- Usage that no rule reads (LEDGER §14): spans and log records with token counts, or with a model and its provider, that
-- no vocabulary knows, outside of every counted call. Their money is in no total.

-- By source and minute, or hour beyond the minutes that are kept. `first_seen` and `last_seen` are the spans' own starts;
-- `keys` are names of attributes. Beyond 2,000 sources environment, service and scope read `__other__`.
CREATE VIEW genai.unread AS
SELECT u.bucket, coalesce(s.environment, '__other__') AS environment, coalesce(s.data_mode, 'real') AS data_mode,
    coalesce(s.service_name, '__other__') AS service_name, coalesce(s.scope, '__other__') AS scope,
    coalesce(s.version, '') AS version, coalesce(s.keys, '{}') AS keys, u.spans, u.first_at AS first_seen,
    u.last_at AS last_seen
FROM _genai.unread u LEFT JOIN _genai.unread_source s ON s.id = u.source_id
WHERE u.spans > 0 AND u.bucket >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'hour');

-- How many such spans a window holds, for an environment (or several with commas), a data mode and a service; '*' or NULL
-- for all. Above zero every total of the window says "at least", whatever else it is narrowed to: nobody knows the
-- endpoint or model of what could not be read.
CREATE FUNCTION genai.unread_spans(
    p_from timestamptz, p_to timestamptz, p_env text DEFAULT '*', p_data_mode text DEFAULT '*', p_service text DEFAULT NULL
) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum(u.spans), 0)::bigint
    FROM genai.unread u
    WHERE u.bucket > p_from - interval '1 hour' AND u.bucket < p_to AND u.last_seen >= p_from AND u.first_seen < p_to
        AND (p_env = '*' OR u.environment = '__other__' OR u.environment = ANY (string_to_array(p_env, ',')))
        AND (p_data_mode = '*' OR u.data_mode = p_data_mode)
        AND (coalesce(p_service, '*') = '*' OR u.service_name IN ('__other__', p_service))
$$;

-- The one rule of "at least" (LEDGER §14).
CREATE FUNCTION genai.at_least(p_unpriced numeric, p_uncertain numeric, p_unread bigint)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(p_unpriced, 0) + coalesce(p_uncertain, 0) + coalesce(p_unread, 0) > 0
$$;

-- The sources of a window's unread usage, the latest first; `keys` as one text.
CREATE FUNCTION genai.unread_sources(
    p_from timestamptz, p_to timestamptz, p_env text DEFAULT '*', p_data_mode text DEFAULT '*', p_service text DEFAULT NULL
) RETURNS TABLE (
    scope text, version text, service_name text, environment text, data_mode text, keys text, spans bigint,
    first_seen timestamptz, last_seen timestamptz
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.scope, u.version, u.service_name, u.environment, u.data_mode, array_to_string(u.keys, ', '),
        sum(u.spans)::bigint, min(u.first_seen), max(u.last_seen)
    FROM genai.unread u
    WHERE u.bucket > p_from - interval '1 hour' AND u.bucket < p_to AND u.last_seen >= p_from AND u.first_seen < p_to
        AND (p_env = '*' OR u.environment = '__other__' OR u.environment = ANY (string_to_array(p_env, ',')))
        AND (p_data_mode = '*' OR u.data_mode = p_data_mode)
        AND (coalesce(p_service, '*') = '*' OR u.service_name IN ('__other__', p_service))
    GROUP BY u.scope, u.version, u.service_name, u.environment, u.data_mode, u.keys
    ORDER BY max(u.last_seen) DESC, sum(u.spans) DESC, u.scope, u.version, u.service_name
    LIMIT 50
$$;
