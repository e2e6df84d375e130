-- What a run has changed so far, and where each of its parts would go on. Parameters: run, calls, position.
UPDATE _genai.ledger_run r SET calls = r.calls + %(calls)s,
    position = CASE WHEN %(position)s::jsonb IS NULL THEN r.position
        ELSE coalesce(r.position, '{}') || %(position)s::jsonb END
WHERE r.id = %(run)s
