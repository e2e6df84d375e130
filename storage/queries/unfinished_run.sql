-- A run that was cut short, and where it stood. Parameters: kind, parameters.
SELECT r.id, r.position FROM _genai.ledger_run r
WHERE r.kind = %s AND r.parameters = %s AND r.finished_at IS NULL
ORDER BY r.id DESC LIMIT 1
