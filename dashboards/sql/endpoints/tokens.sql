-- Tokens of a request, by endpoint.
SELECT u."time", u.segment, u.focus, u.tokens_per_request, u.until_ms
FROM genai.unit_chart(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    'endpoint', genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service'), 5) u
ORDER BY 1
