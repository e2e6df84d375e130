-- What the calls of each service take from the score.
SELECT q.service, q.calls, q.points, q.items
FROM genai.panel_quality_services(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz,
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$service')) q
