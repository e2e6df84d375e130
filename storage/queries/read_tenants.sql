-- Parameter: ids.
SELECT i.id, i.tenant_id FROM _genai.identity i WHERE i.id = ANY(%s::bigint[])
