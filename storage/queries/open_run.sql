-- A run of the ledger's book. Parameters: kind, started_by, why, parameters.
INSERT INTO _genai.ledger_run (kind, started_by, why, parameters)
VALUES (%(kind)s, %(started_by)s, %(why)s, %(parameters)s) RETURNING id
