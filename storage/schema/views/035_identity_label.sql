-- Names of users and tenants for people: `value` is a tenant_id or user_id of the other views.
CREATE VIEW genai.identity_label AS
SELECT l.kind, l.value, l.label
FROM _genai.identity_label l
WHERE l.map_id = (SELECT m.id FROM _genai.identity_map m ORDER BY m.loaded_at DESC, m.id DESC LIMIT 1);
