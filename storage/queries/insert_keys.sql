-- Claim keys for calls; the row count says how many were new. Waits for an open transaction that holds one (LEDGER §2).
-- Parameters: keys, calls, times.
INSERT INTO _genai.call_key (key, call, time, received_at)
SELECT o.key, o.call, o.time, now()
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS o (key, call, time)
ORDER BY o.key
ON CONFLICT (key) DO NOTHING
