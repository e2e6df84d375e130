-- What a run has changed so far, and where it would go on. Parameters: run, calls, position.
UPDATE _genai.ledger_run r SET calls = r.calls + %(calls)s, position = coalesce(%(position)s::jsonb, r.position)
WHERE r.id = %(run)s
