-- Versions of the files that operators keep under review.

-- lock_kind --
-- One process at a time decides whether a version is new.
SELECT pg_advisory_xact_lock(hashtextextended('spanledger operator file ' || %(kind)s, 0))

-- in_force --
-- The version of a kind that is in force; no row: there never was one.
SELECT f.kind, f.id, f.sha256, f.content, f.loaded_at
FROM genai.operator_file f
WHERE f.kind = %(kind)s

-- put_in_force --
-- A version that is in force from now on.
INSERT INTO _genai.operator_file (kind, sha256, text, content, loaded_by)
VALUES (%(kind)s, %(sha256)s, %(text)s, %(content)s, %(loaded_by)s)
