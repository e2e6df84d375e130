-- A run is complete; one that changed nothing leaves no trace. Parameter: run.
WITH finished AS (
    UPDATE _genai.ledger_run r SET finished_at = now()
    WHERE r.id = %(run)s AND r.finished_at IS NULL AND r.calls > 0
)
DELETE FROM _genai.ledger_run r WHERE r.id = %(run)s AND r.finished_at IS NULL AND r.calls = 0
