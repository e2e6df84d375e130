-- Wrappers that wait no more: an inner call is counted, or they are counted themselves. Parameters: traces, spans.
UPDATE _genai.sighting s SET wrapper = false
FROM unnest(%s::uuid[], %s::bigint[]) AS o (trace_id, span_id)
WHERE s.trace_id = o.trace_id AND s.span_id = o.span_id AND s.wrapper
