-- What there is to compare: first and last call, and the floors; NULL for a floor that was never raised.
SELECT (SELECT min(m.time) FROM _genai.model_call m WHERE m.time >= f.raw),
    (SELECT max(m.time) FROM _genai.model_call m), nullif(f.raw, '-infinity'), nullif(f.folded, '-infinity')
FROM (
    SELECT max(f.time) FILTER (WHERE f.level = 'raw') AS raw,
        max(f.time) FILTER (WHERE f.level = 'identity_hour') AS folded
    FROM _genai.floor f
) f
