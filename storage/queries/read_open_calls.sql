-- Counted calls of traces that another span may still complete. Parameter: traces.
SELECT uuid_send(o.trace_id), int8send(o.span_id), int8send(o.parent_span_id), uuid_send(o.call),
    (extract(epoch FROM o.time) * 1000000)::bigint - 946684800000000,
    (extract(epoch FROM o.received_at) * 1000000)::bigint - 946684800000000
FROM unnest(%s::uuid[]) AS t (trace_id) JOIN _genai.open_call o ON o.trace_id = t.trace_id
