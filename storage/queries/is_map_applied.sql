-- Whether the file in force assigns what stored calls were last moved to (nothing, before the first time).
WITH map AS (
    SELECT (SELECT m.id FROM _genai.identity_map m ORDER BY m.loaded_at DESC, m.id DESC LIMIT 1) AS in_force,
        (SELECT m.id FROM _genai.identity_map m WHERE m.applied_at IS NOT NULL
         ORDER BY m.applied_at DESC, m.id DESC LIMIT 1) AS applied
),
both_sides AS (
    SELECT t.map_id, t.user_id, t.from_time, t.tenant_id FROM _genai.user_tenant t, map m
    WHERE t.map_id IN (m.in_force, m.applied)
)
SELECT NOT EXISTS (
    SELECT FROM both_sides s, map m
    GROUP BY s.user_id, s.from_time, s.tenant_id, m.in_force, m.applied
    HAVING bool_or(s.map_id = m.in_force) <> coalesce(bool_or(s.map_id = m.applied), false))
