-- Parameters: ids, tenants, users.
INSERT INTO _genai.identity (id, tenant_id, user_id)
SELECT * FROM unnest(%(new)s::bigint[], %(tenants)s::text[], %(users)s::text[]) ORDER BY 1 ON CONFLICT DO NOTHING
