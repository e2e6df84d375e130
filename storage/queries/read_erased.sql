-- What ingest maps to `__erased__`.
SELECT e.kind, e.value_hash FROM _genai.erased e
