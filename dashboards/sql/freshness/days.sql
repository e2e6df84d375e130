-- How fresh each of the last thirty days was.
SELECT d.day, d.calls, d.p50, d.p95, d.p99, d.late, d.used
FROM genai.panel_freshness_days($__timeTo()::timestamptz) d
