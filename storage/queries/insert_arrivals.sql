-- The binder's queue: what another request may still change. That is calls below a span that has not come, calls without
-- a response id (their twin is found by its place in the trace only) or without a latency (another span has it).
INSERT INTO _genai.arrival (trace_id, span_id, parent_span_id, call, time, received_at)
SELECT s.trace_id, s.span_id, s.parent_span_id, s.call_key, s.time, s.received_at
FROM pg_temp.staging s
WHERE s.trace_id IS NOT NULL AND s.span_id IS NOT NULL
    AND (s.awaits_ancestor OR s.response_id IS NULL OR s.latency_us IS NULL)
