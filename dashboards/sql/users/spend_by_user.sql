-- Spend of every hour by user.
SELECT u."time", u.segment, u.focus, u.cost_usd, u.until_ms
FROM genai.people_chart(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    'user', genai.panel_focus('$endpoint'), '*', genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service'), 7) u
ORDER BY 1
