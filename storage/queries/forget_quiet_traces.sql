-- Traces that have been quiet for the window, with all that is known of them; wrappers that wait are settled first.
-- Of a trace that is never quiet what is older than four hours goes: its window, two hours, has long run out.
-- Parameters: the moments, rows looked at.
WITH old AS (
    SELECT DISTINCT o.trace_id FROM (
        (SELECT s.trace_id FROM _genai.sighting s WHERE s.received_at < %(before)s LIMIT %(rows)s)
        UNION ALL
        (SELECT c.trace_id FROM _genai.open_call c WHERE c.received_at < %(before)s LIMIT %(rows)s)
    ) AS o
), quiet AS (
    SELECT o.trace_id FROM old o
    WHERE NOT EXISTS (SELECT FROM _genai.sighting s
                      WHERE s.trace_id = o.trace_id AND (s.wrapper OR s.received_at >= %(before)s))
        AND NOT EXISTS (SELECT FROM _genai.open_call c WHERE c.trace_id = o.trace_id AND c.received_at >= %(before)s)
        AND NOT EXISTS (SELECT FROM _genai.arrival a WHERE a.trace_id = o.trace_id)
), endless AS (
    SELECT o.trace_id FROM old o WHERE o.trace_id NOT IN (SELECT q.trace_id FROM quiet q)
), old_calls AS (
    DELETE FROM _genai.open_call c USING endless e WHERE c.trace_id = e.trace_id AND c.received_at < %(oldest)s RETURNING 1
), old_sightings AS (
    DELETE FROM _genai.sighting s USING endless e
    WHERE s.trace_id = e.trace_id AND s.received_at < %(oldest)s AND NOT s.wrapper RETURNING 1
), calls AS (
    DELETE FROM _genai.open_call c USING quiet q WHERE c.trace_id = q.trace_id RETURNING 1
), sightings AS (
    DELETE FROM _genai.sighting s USING quiet q WHERE s.trace_id = q.trace_id RETURNING 1
)
SELECT (SELECT count(*) FROM calls) + (SELECT count(*) FROM sightings)
    + (SELECT count(*) FROM old_calls) + (SELECT count(*) FROM old_sightings)
