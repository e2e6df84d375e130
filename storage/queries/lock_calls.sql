-- Lock rows in (time, key) order (LEDGER §7); what they hold is read by the next statement, from the locked version.
-- Nothing is joined that could change meanwhile. Parameters: first and last time, times, keys.
SELECT 1 FROM unnest(%(times)s::timestamptz[], %(keys)s::uuid[]) AS o (time, key)
JOIN _genai.model_call m ON m.time = o.time AND m.call_key = o.key
WHERE m.time >= %(first)s AND m.time <= %(last)s
ORDER BY m.time, m.call_key
FOR UPDATE OF m
