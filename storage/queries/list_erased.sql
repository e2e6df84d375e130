-- From now on ingest maps these to `__erased__`. Parameters: kind, hashes.
INSERT INTO _genai.erased (kind, value_hash) SELECT %(kind)s, h FROM unnest(%(hashes)s::bytea[]) AS h
ON CONFLICT DO NOTHING
