-- Which spans stand at these places. Parameters: first and last time, times, keys.
SELECT uuid_send(m.trace_id), int8send(m.span_id), int8send(m.parent_span_id), uuid_send(m.call_key),
    (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000,
    (extract(epoch FROM m.received_at) * 1000000)::bigint - 946684800000000
FROM unnest(%(times)s::timestamptz[], %(keys)s::uuid[]) AS o (time, key)
JOIN _genai.model_call m ON m.time = o.time AND m.call_key = o.key
WHERE m.time >= %(first)s AND m.time <= %(last)s AND m.trace_id IS NOT NULL AND m.span_id IS NOT NULL
