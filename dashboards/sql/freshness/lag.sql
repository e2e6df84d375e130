-- How late the calls of each service came, over time.
SELECT l."time", l.seconds, l.segment, l.focus, l.until_ms
FROM genai.panel_lag_course($__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') l
