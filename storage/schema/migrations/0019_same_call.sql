-- Spans of one call in several requests (LEDGER §1, §6): the duplicates of a counted call are found by it.
CREATE INDEX sighting_of_call ON _genai.sighting (of_call) WHERE of_call IS NOT NULL;
