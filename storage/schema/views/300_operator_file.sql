-- Files that operators keep under review, as the service read them (docs/alerts.md).

-- Every version that was ever in force, with its text; `loaded_to` is NULL for the one that is.
CREATE VIEW genai.operator_file_version AS
SELECT f.id, f.kind, f.sha256, f.text, f.content, f.loaded_at AS loaded_from,
    lead(f.loaded_at) OVER (PARTITION BY f.kind ORDER BY f.id) AS loaded_to, f.loaded_by
FROM _genai.operator_file f;

-- The version in force of each kind.
CREATE VIEW genai.operator_file AS
SELECT DISTINCT ON (f.kind) f.kind, f.id, f.sha256, f.content, f.loaded_at, f.loaded_by
FROM _genai.operator_file f
ORDER BY f.kind, f.id DESC;
