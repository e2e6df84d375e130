-- The next of what the binder has not looked at, locked so that no second binder takes them too. Parameter: rows.
SELECT a.ctid::text, uuid_send(a.trace_id), int8send(a.span_id), int8send(a.parent_span_id), uuid_send(a.call),
    (extract(epoch FROM a.time) * 1000000)::bigint - 946684800000000,
    (extract(epoch FROM a.received_at) * 1000000)::bigint - 946684800000000
FROM _genai.arrival a LIMIT %s FOR UPDATE SKIP LOCKED
