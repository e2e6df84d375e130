-- How many alerts wait, are taken on, and began in the range.
SELECT c.open, c.taken_on, c.began, c.watchdog_seconds
FROM genai.panel_alert_counts(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') c
