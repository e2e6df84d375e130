-- Signed differences of a batch (LEDGER §19). Parameters: run, kind, then a column each of the lines.
INSERT INTO _genai.ledger_line (run_id, kind, day, environment, data_mode, provider, model, calls, cost_pico_usd)
SELECT %s, %s, o.* FROM unnest(
    %s::date[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[]) AS o
