-- First and last kept call above the raw floor.
SELECT min(m.time), max(m.time) FROM _genai.model_call m
WHERE m.time >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
