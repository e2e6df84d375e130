-- Floors in microseconds since 2000. Retention raises a floor before it deletes; until this transaction ends
-- it waits (LEDGER §11).
SELECT f.level, (extract(epoch FROM greatest(f.time, '2000-01-01 00:00:00+00')) * 1000000)::bigint - 946684800000000
FROM _genai.floor f ORDER BY f.level FOR SHARE
