-- Claim keys of which none is expected to be known: half the cost of ON CONFLICT, whose speculative insertion looks
-- twice. A known key fails the statement, and with it the transaction; the batch then comes again by insert_keys.sql.
-- Parameters: keys, calls, times.
INSERT INTO _genai.call_key (key, call, time, received_at)
SELECT o.key, o.call, o.time, now()
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS o (key, call, time)
ORDER BY o.key
