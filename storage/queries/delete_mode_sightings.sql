-- Parameter: mode.
DELETE FROM _genai.sighting s WHERE s.tags ->> 'data_mode' = %(mode)s OR s.call ->> 'data_mode' = %(mode)s
