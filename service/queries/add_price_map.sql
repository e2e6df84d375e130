-- add_price_map: a set of prices that is in force from now on; the id of the one that is there already.
INSERT INTO _genai.price_map (sha256, base, file_sha256, code_version, loaded_by)
VALUES (%(sha256)s, %(base)s, %(file_sha256)s, %(code_version)s, %(loaded_by)s)
ON CONFLICT (sha256) DO UPDATE SET loaded_at = now()
RETURNING id
