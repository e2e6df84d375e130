UPDATE _genai.ledger_run r SET finished_at = now() WHERE r.id = %s AND r.finished_at IS NULL
