-- Buckets that lost their last call.
DELETE FROM _genai.usage_minute u
USING (SELECT DISTINCT '2000-01-01 00:00:00+00'::timestamptz + s.minute * interval '1 minute' AS bucket, s.series_id FROM pg_temp.slice s) s
WHERE u.bucket = s.bucket AND u.series_id = s.series_id AND u.calls = 0
