-- Buckets that lost their last call.
DELETE FROM _genai.usage_identity_day u
USING (
    SELECT DISTINCT '2000-01-01 00:00:00+00'::timestamptz + (d.minute / 1440) * interval '24 hours' AS bucket,
        d.identity_id, r.line_id
    FROM pg_temp.delta d JOIN _genai.series r ON r.id = d.series_id
) s
WHERE u.bucket = s.bucket AND u.identity_id = s.identity_id AND u.series_id = s.line_id AND u.calls = 0
