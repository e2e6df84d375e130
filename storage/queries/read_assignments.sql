-- Tenants of users as the file in force assigns them; from_time in microseconds since 1970, NULL: since ever.
SELECT t.user_id, t.tenant_id,
    CASE WHEN t.from_time > '-infinity' THEN (extract(epoch FROM t.from_time) * 1000000)::bigint END
FROM _genai.user_tenant t
WHERE t.map_id = (SELECT m.id FROM _genai.identity_map m ORDER BY m.loaded_at DESC, m.id DESC LIMIT 1)
