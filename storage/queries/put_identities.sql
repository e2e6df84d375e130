-- The labels and assignments of a file, without those of users and the names of tenants who were erased.
-- Parameters: map, kinds, values, labels; users, from_times, tenants.
WITH erased AS (SELECT e.kind, e.value_hash FROM _genai.erased e),
labels AS (
    INSERT INTO _genai.identity_label (map_id, kind, value, label)
    SELECT %(map)s, o.kind, o.value, o.label
    FROM unnest(%(kinds)s::text[], %(values)s::text[], %(labels)s::text[]) AS o (kind, value, label)
    WHERE (o.kind, sha256(convert_to(o.kind || ':' || o.value, 'UTF8'))) NOT IN (SELECT * FROM erased)
    ON CONFLICT DO NOTHING
)
INSERT INTO _genai.user_tenant (map_id, user_id, from_time, tenant_id)
SELECT %(map)s, o.user_id, o.from_time,
    CASE WHEN ('tenant', sha256(convert_to('tenant:' || o.tenant_id, 'UTF8'))) IN (SELECT * FROM erased)
        THEN '__erased__' ELSE o.tenant_id END
FROM unnest(%(users)s::text[], %(from_times)s::timestamptz[], %(tenants)s::text[]) AS o (user_id, from_time, tenant_id)
WHERE ('user', sha256(convert_to('user:' || o.user_id, 'UTF8'))) NOT IN (SELECT * FROM erased)
ON CONFLICT DO NOTHING
