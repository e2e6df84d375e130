-- What an identity's erasure would reach. Parameters: ids, field, forms, pattern.
SELECT
    (SELECT count(*) FROM _genai.model_call m WHERE m.identity_id = ANY(%(ids)s)) AS calls,
    (SELECT count(*) FROM _genai.usage_identity_hour u WHERE u.identity_id = ANY(%(ids)s))
        + (SELECT count(*) FROM _genai.usage_identity_day u WHERE u.identity_id = ANY(%(ids)s)) AS rollups,
    (SELECT count(*) FROM _genai.sighting s
        WHERE s.tags ->> %(field)s = ANY(%(forms)s) OR s.call ->> %(field)s = ANY(%(forms)s)) AS sightings,
    (SELECT count(*) FROM _genai.quarantine q WHERE q.name ~ %(pattern)s OR q.detail ~ %(pattern)s) AS quarantine
