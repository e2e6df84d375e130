-- The services whose calls came latest, and their clocks.
SELECT l.service, l.environment, l.data_mode, l.worst, l.latest, l.ahead, l.seen
FROM genai.panel_lags($__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') l
