-- Late binding forgets a trace when its window has run out (LEDGER §23); this is for what it left, where it never ran.
DELETE FROM _genai.sighting s WHERE s.received_at < now() - interval '1 day'
