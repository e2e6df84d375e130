-- Traces whose window has run out, with all that is known of them; wrappers that wait are settled first.
-- Parameters: a moment, rows looked at.
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
), calls AS (
    DELETE FROM _genai.open_call c USING quiet q WHERE c.trace_id = q.trace_id RETURNING 1
), sightings AS (
    DELETE FROM _genai.sighting s USING quiet q WHERE s.trace_id = q.trace_id RETURNING 1
)
SELECT (SELECT count(*) FROM calls) + (SELECT count(*) FROM sightings)
