-- Moments that explain a figure, drawn on every dashboard: today the first calls of prompt versions.
-- An endpoint's version is a moment once it has 20 calls. What was there in the ledger's first hour is none: when it
-- was first used is unknown here. `hour` is the hour of `time`: a condition on it is asked before calls are counted.
CREATE VIEW genai.annotation AS
SELECT
    coalesce(m.minute, v.hour) AS time, NULL::timestamptz AS time_end, v.hour, 'prompt_version' AS kind,
    v.environment, v.data_mode, v.endpoint_tag, v.prompt_version, c.calls,
    'Prompt version ' || v.prompt_version || ' of ' || v.endpoint_tag || ' first seen' AS text,
    'prompt_version,' || v.environment AS tags
FROM (
    SELECT s.environment, s.data_mode, s.endpoint_tag, s.prompt_version, min(s.first_seen) AS hour,
        array_agg(s.id) AS series
    FROM genai.series_seen s
    WHERE genai.is_named(s.prompt_version)
    GROUP BY s.environment, s.data_mode, s.endpoint_tag, s.prompt_version
    HAVING min(s.first_seen) > (SELECT min(h.bucket) FROM _genai.usage_hour h)
) v
CROSS JOIN LATERAL (
    SELECT genai.total(u.calls) AS calls FROM _genai.usage_hour u WHERE u.series_id = ANY (v.series)
) c
LEFT JOIN LATERAL (
    SELECT min(u.bucket) AS minute FROM _genai.usage_minute u
    WHERE u.bucket >= v.hour AND u.bucket < v.hour + interval '1 hour' AND u.series_id = ANY (v.series)
) m ON true
WHERE c.calls >= 20;

-- The moments of a range, the busiest versions first where there are more than `p_limit`. A version that was first seen
-- shortly before it (as long as the range is, at least a day) stands at its beginning: a deploy is often older than the
-- range that shows what it did.
CREATE FUNCTION genai.annotations(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_limit integer DEFAULT 20
) RETURNS TABLE ("time" timestamptz, timeend timestamptz, text text, tags text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT greatest(a.time, p_from), a.time_end, a.text || CASE WHEN a.time < p_from
        THEN ' at ' || to_char(a.time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC, before this range' ELSE '' END, a.tags
    FROM (
        SELECT a.* FROM genai.annotation a
        CROSS JOIN (SELECT p_from - greatest(p_to - p_from, interval '1 day') AS time) early
        WHERE a.hour >= date_bin('1 hour', early.time, 'epoch') AND a.hour < p_to AND a.time >= early.time AND a.time < p_to
            AND (p_env = '*' OR a.environment = ANY (string_to_array(p_env, ',')))
            AND (p_data_mode = '*' OR a.data_mode = p_data_mode)
            AND (p_endpoint = '*' OR a.endpoint_tag IS NULL OR a.endpoint_tag = p_endpoint)
        ORDER BY a.calls DESC NULLS FIRST, a.time
        LIMIT p_limit
    ) a
    ORDER BY 1, a.time
$$;
