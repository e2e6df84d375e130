-- The score of the selection.
SELECT q.score, q.failing, q.calls, q.worst
FROM genai.panel_quality_score(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz,
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$service')) q
