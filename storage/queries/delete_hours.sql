-- One slice of buckets below their floor. Parameter: rows.
DELETE FROM _genai.usage_hour u WHERE u.ctid = ANY (ARRAY(
    SELECT o.ctid FROM _genai.usage_hour o
    WHERE o.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'hour') ORDER BY o.bucket LIMIT %s))
