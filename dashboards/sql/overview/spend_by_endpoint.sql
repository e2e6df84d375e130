-- Spend per bucket, the seven most expensive endpoints by name.
SELECT u."time", u.segment, u.cost_usd
FROM genai.usage_over_time(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    'endpoint', '*', '*', '*', '*', '*', genai.panel_focus('$service')) u
ORDER BY 1
