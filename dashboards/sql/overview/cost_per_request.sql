-- What a request costs, by endpoint: drift shows here before it shows in the spend.
SELECT u."time", u.segment, u.focus, u.cost_per_request_usd, u.until_ms
FROM genai.unit_chart(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    'endpoint', '*', '*', '*', '*', '*', genai.panel_focus('$service'), 5) u
ORDER BY 1
