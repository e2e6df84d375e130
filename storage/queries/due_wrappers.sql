-- Traces with wrappers whose window may have run out. Parameters: a moment, rows.
SELECT DISTINCT uuid_send(s.trace_id)
FROM (SELECT w.trace_id FROM _genai.sighting w WHERE w.wrapper AND w.received_at < %s
      ORDER BY w.received_at LIMIT %s) AS s
