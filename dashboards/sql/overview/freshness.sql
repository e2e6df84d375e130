-- From receipt to visible, of all rows that became visible in the range, and the age of the watermark.
SELECT f.p50_seconds, f.p95_seconds, extract(epoch FROM now() - w.complete_to)::float8 AS watermark_age_seconds
FROM genai.freshness($__timeFrom()::timestamptz, $__timeTo()::timestamptz) f
CROSS JOIN genai.watermark w
