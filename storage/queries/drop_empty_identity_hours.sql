-- Buckets that lost their last call.
DELETE FROM _genai.usage_identity_hour u
USING (
    SELECT DISTINCT '2000-01-01 00:00:00+00'::timestamptz + (d.minute / 60) * interval '1 hour' AS bucket,
        d.identity_id, r.facet_id
    FROM pg_temp.delta d JOIN _genai.series r ON r.id = d.series_id
) s
WHERE u.bucket = s.bucket AND u.identity_id = s.identity_id AND u.series_id = s.facet_id AND u.calls = 0
