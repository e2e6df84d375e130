-- Wrapper spans that became counted calls (flag 4096): their money was never booked at ingest, so the ledger's book
-- says where it came from (LEDGER §19). In the transaction that inserts them.
WITH run AS (
    INSERT INTO _genai.ledger_run (kind, finished_at, started_by, why, calls)
    SELECT 'promote', now(), 'spanledger', 'wrapper spans whose emitter sent no inner call', count(*)
    FROM pg_temp.staging s WHERE s.flags & 4096 <> 0
    HAVING count(*) > 0
    RETURNING id
)
INSERT INTO _genai.ledger_line (run_id, kind, day, environment, data_mode, provider, model, calls, cost_pico_usd)
SELECT r.id, 'promote', date_bin('1 day', s.time, 'epoch')::date, d.environment, d.data_mode, d.provider, d.model, count(*),
    coalesce(_genai.total(s.cost_pico_usd), 0)
FROM pg_temp.staging s JOIN _genai.series d ON d.id = s.series_id CROSS JOIN run r
WHERE s.flags & 4096 <> 0
GROUP BY r.id, date_bin('1 day', s.time, 'epoch')::date, d.environment, d.data_mode, d.provider, d.model
