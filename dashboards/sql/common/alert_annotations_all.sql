-- Incidents and alerts of a range, of every endpoint, at most twenty.
SELECT a."time", a.timeend, a.text, a.tags
FROM genai.alert_annotations(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode', '*') a
