-- The value leaves the dictionary: what is still under these ids is shown as erased from this commit on, and a
-- writer that knows an id from before writes under it without knowing. Parameters: kind, ids.
UPDATE _genai.identity i SET
    tenant_id = CASE %(kind)s WHEN 'tenant' THEN '__erased__' ELSE i.tenant_id END,
    user_id = CASE %(kind)s WHEN 'user' THEN '__erased__' ELSE i.user_id END
WHERE i.id = ANY(%(ids)s)
