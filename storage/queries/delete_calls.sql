-- One slice of rows below the raw floor; plain PostgreSQL, and what drop_chunks left. Parameter: rows.
DELETE FROM _genai.model_call m WHERE m.time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
    AND (m.tableoid, m.ctid) IN (
        SELECT o.tableoid, o.ctid FROM _genai.model_call o
        WHERE o.time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw') ORDER BY o.time LIMIT %s)
