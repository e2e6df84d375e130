-- A call by its key alone, and the page that explains it. A row is found by (time, key): whoever has only the key asks
-- here for the time first, and reads no other day.

-- Keys of calls, responses and requests with the time of the call that claimed them (LEDGER §3).
CREATE VIEW genai.call_key AS SELECT k.key, k.call, k.time, k.received_at FROM _genai.call_key k;

-- The time of a kept call, else NULL. A span's own key begins with its start in milliseconds, a report's own key stands
-- in the key table; only the key of a span whose clock was moved (LEDGER §8) leads nowhere, and every day is read.
CREATE FUNCTION genai.call_time(p_call_key uuid) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(
        (SELECT m.time FROM genai.model_call m
        WHERE m.call_key = p_call_key AND m.time >= s.start AND m.time < s.start + interval '1 millisecond' LIMIT 1),
        (SELECT m.time FROM genai.call_key k JOIN genai.model_call m ON m.time = k.time AND m.call_key = k.call
        WHERE k.key = p_call_key AND k.call = p_call_key LIMIT 1),
        (SELECT m.time FROM genai.model_call m WHERE m.call_key = p_call_key LIMIT 1))
    FROM (
        SELECT timestamptz 'epoch' + interval '1 millisecond'
            * ('x' || left(replace(p_call_key::text, '-', ''), 12))::bit(48)::bigint AS start
    ) s
$$;

-- The page that explains a call: its address, and the word to click on; both '' without a configured address of the pages
-- (genai.setting public_url).
CREATE FUNCTION genai.call_page(p_call_key text, p_time timestamptz) RETURNS TABLE (call_url text, call_link text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(rtrim(max(s.value), '/') || '/call/' || p_call_key || '?at='
            || to_char(p_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), ''),
        CASE WHEN max(s.value) IS NULL THEN '' ELSE 'bill' END
    FROM genai.setting s WHERE s.key = 'public_url' AND s.value <> ''
$$;
