-- One slice of keys whose calls are gone: a call is received at the earliest ten minutes before its time
-- (LEDGER §8). Parameter: rows.
DELETE FROM _genai.call_key k WHERE k.ctid = ANY (ARRAY(
    SELECT o.ctid FROM _genai.call_key o
    WHERE o.received_at < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw') - interval '1 hour' LIMIT %s))
