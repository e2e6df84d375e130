-- Values that stand in the dictionary although they were erased: a writer had them in its hands. The hash is
-- `processor.calls.identity.value_hash`.
SELECT DISTINCT e.kind, CASE e.kind WHEN 'user' THEN i.user_id ELSE i.tenant_id END
FROM _genai.identity i JOIN _genai.erased e
    ON e.kind = 'user' AND e.value_hash = sha256(convert_to('user:' || i.user_id, 'UTF8'))
    OR e.kind = 'tenant' AND e.value_hash = sha256(convert_to('tenant:' || i.tenant_id, 'UTF8'))
