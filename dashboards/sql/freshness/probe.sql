-- How long the requests of the probe took, the slowest of each step.
SELECT p."time", p.accepted, p.visible, p.grafana, p.until_ms
FROM genai.panel_probe_course($__timeFrom()::timestamptz, $__timeTo()::timestamptz) p
