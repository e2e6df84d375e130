-- The binder forgets by receipt, every second. Pages of what was forgotten take what comes next, so that receipts lie in no
-- order in the table: a BRIN index then leads to all of it.
DROP INDEX _genai.open_call_received_at;
CREATE INDEX open_call_received_at ON _genai.open_call (received_at);
DROP INDEX _genai.sighting_received_at;
CREATE INDEX sighting_received_at ON _genai.sighting (received_at);
