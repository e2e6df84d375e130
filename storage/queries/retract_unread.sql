-- Unread spans of traces that prove to lie around or inside of a counted call, as far as the spans between have come, or
-- that are counted now since their vocabulary is mapped: they leave the figures. Parameter: traces.
WITH RECURSIVE unread AS MATERIALIZED (
    SELECT u.trace_id, u.span_id, u.key
    FROM unnest(%s::uuid[]) AS t (trace_id) JOIN _genai.unread_span u ON u.trace_id = t.trace_id AND NOT u.repeats
), span AS MATERIALIZED (
    SELECT s.trace_id, s.span_id, s.parent_span_id, s.of_call IS NOT NULL AS is_call
    FROM _genai.sighting s WHERE s.trace_id IN (SELECT u.trace_id FROM unread u)
    UNION
    SELECT c.trace_id, c.span_id, c.parent_span_id, true
    FROM _genai.open_call c WHERE c.trace_id IN (SELECT u.trace_id FROM unread u)
), line AS (
    SELECT s.trace_id, s.span_id AS begun, s.is_call, s.parent_span_id AS above, 1 AS depth
    FROM span s
    WHERE s.is_call OR (s.trace_id, s.span_id) IN (SELECT u.trace_id, u.span_id FROM unread u)
    UNION ALL
    SELECT l.trace_id, l.begun, l.is_call, s.parent_span_id, l.depth + 1
    FROM line l JOIN span s ON s.trace_id = l.trace_id AND s.span_id = l.above AND l.depth < 64
), repeating AS MATERIALIZED (
    SELECT u.key FROM unread u
    WHERE EXISTS (
            SELECT FROM line l WHERE l.is_call AND l.trace_id = u.trace_id AND u.span_id IN (l.above, l.begun))
        OR EXISTS (
            SELECT FROM line l JOIN span c ON c.is_call AND c.trace_id = l.trace_id AND c.span_id = l.above
            WHERE NOT l.is_call AND l.trace_id = u.trace_id AND l.begun = u.span_id)
), gone AS (
    UPDATE _genai.unread_span u SET repeats = true FROM repeating r WHERE u.key = r.key AND NOT u.repeats
    RETURNING u.bucket, u.source_id
)
UPDATE _genai.unread f SET spans = f.spans - g.spans
FROM (SELECT g.bucket, g.source_id, count(*) AS spans FROM gone g GROUP BY g.bucket, g.source_id) g
WHERE f.bucket = g.bucket AND f.source_id = g.source_id
