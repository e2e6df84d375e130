-- The value in spans that wait for late binding. Parameters: field, forms.
UPDATE _genai.sighting s SET
    tags = CASE WHEN s.tags ->> %(field)s = ANY(%(forms)s)
        THEN jsonb_set(s.tags, ARRAY[%(field)s], '"__erased__"') ELSE s.tags END,
    call = CASE WHEN s.call ->> %(field)s = ANY(%(forms)s)
        THEN jsonb_set(s.call, ARRAY[%(field)s], '"__erased__"') ELSE s.call END
WHERE s.tags ->> %(field)s = ANY(%(forms)s) OR s.call ->> %(field)s = ANY(%(forms)s)
