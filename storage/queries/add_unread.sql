-- Unread spans that are new, and their figures; a span that came before changes nothing. A source without room is booked
-- under the one in its place. Below the floor of the minutes a bucket is an hour.
-- Parameters: keys, traces, spans, times, receipts, sources, sources in their place, floor of the minutes.
WITH added AS (
    INSERT INTO _genai.unread_span (key, trace_id, span_id, bucket, source_id, time, received_at)
    SELECT DISTINCT ON (o.key) o.key, o.trace_id, o.span_id,
        date_bin(CASE WHEN o.time < to_timestamp(%(minute)s) THEN interval '1 hour' ELSE interval '1 minute' END,
            o.time, 'epoch'),
        coalesce(s.id, o.other_id), o.time, o.received_at
    FROM unnest(
        %(keys)s::uuid[], %(traces)s::uuid[], %(spans)s::bigint[], %(times)s::timestamptz[], %(received)s::timestamptz[],
        %(sources)s::bigint[], %(others)s::bigint[]
    ) AS o (key, trace_id, span_id, time, received_at, source_id, other_id)
    LEFT JOIN _genai.unread_source s ON s.id = o.source_id
    ORDER BY o.key, o.time
    ON CONFLICT (key) DO NOTHING
    RETURNING bucket, source_id, time
)
INSERT INTO _genai.unread AS u (bucket, source_id, spans, first_at, last_at)
SELECT a.bucket, a.source_id, count(*), min(a.time), max(a.time)
FROM added a
GROUP BY a.bucket, a.source_id
ORDER BY a.bucket, a.source_id
ON CONFLICT (bucket, source_id) DO UPDATE SET
    spans = u.spans + excluded.spans, first_at = least(u.first_at, excluded.first_at),
    last_at = greatest(u.last_at, excluded.last_at)
