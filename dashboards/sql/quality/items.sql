-- The checklist.
SELECT q.state, q.item, q.calls, q.failed, q.share, q.points, q.weight, q.remedy
FROM genai.panel_quality_items(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz,
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$service')) q
