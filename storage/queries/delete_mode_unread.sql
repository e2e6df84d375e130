-- Unread usage of a data mode; its sources go with the next retention, for a writer may count on one now. Parameter: mode.
WITH mode AS MATERIALIZED (
    SELECT s.id FROM _genai.unread_source s WHERE s.data_mode = %(mode)s
), spans AS (
    DELETE FROM _genai.unread_span u USING mode m WHERE u.source_id = m.id
)
DELETE FROM _genai.unread u USING mode m WHERE u.source_id = m.id
