-- Uncounted spans of traces. Parameter: traces.
SELECT uuid_send(s.trace_id), int8send(s.span_id), int8send(s.parent_span_id),
    (extract(epoch FROM s.received_at) * 1000000)::bigint - 946684800000000,
    uuid_send(s.of_call), (extract(epoch FROM s.of_time) * 1000000)::bigint - 946684800000000,
    s.wrapper, s.name, s.tags, s.attributes, s.call
FROM unnest(%s::uuid[]) AS t (trace_id) JOIN _genai.sighting s ON s.trace_id = t.trace_id
