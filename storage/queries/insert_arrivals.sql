-- The binder's queue: what another request may still change. A root is in it as well: a call inside of it that has no
-- response id is known by its place in the trace only, and takes the root's tags.
INSERT INTO _genai.arrival (trace_id, span_id, parent_span_id, call, time, received_at)
SELECT s.trace_id, s.span_id, s.parent_span_id, s.call_key, s.time, s.received_at
FROM pg_temp.staging s
WHERE s.trace_id IS NOT NULL AND s.span_id IS NOT NULL
