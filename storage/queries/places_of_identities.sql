-- Rows of identities in a span, merged ones too. Parameters: first, end, ids.
SELECT (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000, uuid_send(m.call_key)
FROM _genai.model_call m
WHERE m.time >= %(first)s AND m.time < %(end)s AND m.identity_id = ANY(%(ids)s)
ORDER BY m.time, m.call_key
