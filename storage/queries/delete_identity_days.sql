-- One slice of buckets below their floor. Parameter: rows.
DELETE FROM _genai.usage_identity_day u WHERE u.ctid = ANY (ARRAY(
    SELECT o.ctid FROM _genai.usage_identity_day o
    WHERE o.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'identity_day') ORDER BY o.bucket LIMIT %s))
