-- Unread usage below the floor of the hours, its spans as the keys of calls, and sources of which nothing is left.
WITH spans AS (
    DELETE FROM _genai.unread_span s
    WHERE s.received_at < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw') - interval '1 hour'
), figures AS (
    DELETE FROM _genai.unread u WHERE u.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'hour')
)
DELETE FROM _genai.unread_source s
WHERE NOT EXISTS (SELECT FROM _genai.unread u WHERE u.source_id = s.id)
    AND NOT EXISTS (SELECT FROM _genai.unread_span u WHERE u.source_id = s.id)
