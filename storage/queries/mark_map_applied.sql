-- Stored calls stand where the file in force assigns them: they were moved, or there are none yet. Parameter: moved.
UPDATE _genai.identity_map SET applied_at = clock_timestamp()
WHERE id = (SELECT m.id FROM _genai.identity_map m ORDER BY m.loaded_at DESC, m.id DESC LIMIT 1)
  AND (%(moved)s OR NOT EXISTS (SELECT FROM _genai.model_call))
