-- From receipt to visible over time, beside the target, the objective and breaches.
SELECT c."time", c.p50, c.p95, c.p99, c.target, c.objective, c.breach, c.until_ms
FROM genai.panel_freshness_course($__timeFrom()::timestamptz, $__timeTo()::timestamptz) c
