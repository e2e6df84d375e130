-- This file is in force from now on. Parameter: sha256.
INSERT INTO _genai.identity_map AS m (sha256) VALUES (%(sha256)s)
ON CONFLICT (sha256) DO UPDATE SET loaded_at = clock_timestamp()
RETURNING m.id
