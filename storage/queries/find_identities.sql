-- Combinations that hold one of these values. Parameters: kind, forms.
SELECT i.id, i.tenant_id, i.user_id FROM _genai.identity i
WHERE CASE %(kind)s WHEN 'user' THEN i.user_id = ANY(%(forms)s) ELSE i.tenant_id = ANY(%(forms)s) END
