-- Let keys lead to other calls. Parameters: keys, calls, times.
UPDATE _genai.call_key k SET call = o.call, time = o.time
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS o (key, call, time)
WHERE k.key = o.key
