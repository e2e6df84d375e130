-- What was looked at leaves the queue; counted calls stay open. Parameter: ctids.
WITH looked_at AS (
    DELETE FROM _genai.arrival a WHERE a.ctid = ANY(%s::tid[]) RETURNING a.*
)
INSERT INTO _genai.open_call (trace_id, span_id, parent_span_id, call, time, received_at)
SELECT l.trace_id, l.span_id, l.parent_span_id, l.call, l.time, l.received_at
FROM looked_at l WHERE l.call IS NOT NULL
