-- Requests of the probe that came through, and those that failed by stage.
SELECT s.stage, s.requests, s.last_at, s.detail
FROM genai.panel_probe_stages($__timeFrom()::timestamptz, $__timeTo()::timestamptz) s
