-- Labels and assignments of a value, in every file that was loaded. Parameters: kind, forms.
WITH labels AS (
    DELETE FROM _genai.identity_label l WHERE l.kind = %(kind)s AND l.value = ANY(%(forms)s)
),
users AS (
    DELETE FROM _genai.user_tenant t WHERE %(kind)s = 'user' AND t.user_id = ANY(%(forms)s)
)
UPDATE _genai.user_tenant t SET tenant_id = '__erased__'
WHERE %(kind)s = 'tenant' AND t.tenant_id = ANY(%(forms)s)
