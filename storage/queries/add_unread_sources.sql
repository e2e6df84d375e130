-- New sources of unread usage while there is room; keys are joined by U+001F.
-- Parameters: ids, environments, data modes, services, scopes, versions, keys, rows at most.
INSERT INTO _genai.unread_source (id, environment, data_mode, service_name, scope, version, keys)
SELECT o.id, o.environment, o.data_mode, o.service_name, o.scope, o.version,
    coalesce(string_to_array(nullif(o.keys, ''), E'\x1f'), '{}')
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS o (id, environment, data_mode, service_name, scope, version, keys)
WHERE o.environment = '__other__' OR (SELECT count(*) FROM _genai.unread_source) < %s
ORDER BY o.id
ON CONFLICT (id) DO NOTHING
