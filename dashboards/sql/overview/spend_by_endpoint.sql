-- Spend per bucket, the seven most expensive endpoints by name.
SELECT u."time", u.segment, u.focus, u.cost_usd, u.until_ms
FROM genai.usage_chart(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    'endpoint', '*', '*', '*', '*', '*', genai.panel_focus('$service')) u
ORDER BY 1
