-- Sightings of traces whose window has run out: nothing new for 15 minutes, or two hours from the first (LEDGER §23).
DELETE FROM _genai.sighting s
WHERE s.received_at < now() - interval '2 hours' OR s.received_at < now() - interval '15 minutes' AND NOT EXISTS (
    SELECT FROM _genai.sighting n
    WHERE n.trace_id = s.trace_id AND n.received_at >= now() - interval '15 minutes')
