-- Who had claimed these keys before this transaction, with what decides whether it is the same call (LEDGER §1).
-- A row of this transaction carries its id as xmin. Times in microseconds since 2000. Parameter: keys.
SELECT uuid_send(k.key), uuid_send(k.call), (extract(epoch FROM k.time) * 1000000)::bigint - 946684800000000,
    (extract(epoch FROM coalesce(m.claimed_time, k.time)) * 1000000)::bigint - 946684800000000, m.latency_us, m.flags, m.input_tokens, m.output_tokens
FROM unnest(%s::uuid[]) AS o (key)
JOIN _genai.call_key k ON k.key = o.key
LEFT JOIN _genai.model_call m ON m.time = k.time AND m.call_key = k.call
WHERE k.xmin <> pg_current_xact_id()::xid
