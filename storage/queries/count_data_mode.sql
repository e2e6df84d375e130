-- What a data mode's erasure would take away; calls and cost of all kept hours. Parameter: mode.
WITH mode AS MATERIALIZED (SELECT s.id FROM _genai.series s WHERE s.data_mode = %(mode)s)
SELECT
    (SELECT count(*) FROM _genai.model_call m WHERE m.series_id IN (SELECT id FROM mode)) AS calls,
    (SELECT count(*) FROM _genai.usage_minute u WHERE u.series_id IN (SELECT id FROM mode))
        + (SELECT count(*) FROM _genai.usage_hour u WHERE u.series_id IN (SELECT id FROM mode))
        + (SELECT count(*) FROM _genai.usage_identity_hour u WHERE u.series_id IN (SELECT id FROM mode))
        + (SELECT count(*) FROM _genai.usage_identity_day u WHERE u.series_id IN (SELECT id FROM mode))
        + (SELECT count(*) FROM _genai.unread u JOIN _genai.unread_source s ON s.id = u.source_id
            WHERE s.data_mode = %(mode)s) AS rollups,
    (SELECT count(*) FROM _genai.sighting s
        WHERE s.tags ->> 'data_mode' = %(mode)s OR s.call ->> 'data_mode' = %(mode)s) AS sightings,
    0::bigint AS quarantine
