-- Wrappers that were counted before an inner call came. Parameters: traces, spans.
SELECT uuid_send(p.trace_id), int8send(p.span_id), uuid_send(p.call),
    (extract(epoch FROM p.time) * 1000000)::bigint - 946684800000000
FROM unnest(%s::uuid[], %s::bigint[]) AS o (trace_id, span_id)
JOIN _genai.promotion p ON p.trace_id = o.trace_id AND p.span_id = o.span_id
