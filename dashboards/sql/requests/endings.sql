-- How the newest two thousand calls of the selection ended.
SELECT e.status, e.error, e.price_status, e.calls, e.share, e.cost_usd
FROM genai.call_endings(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service')) e
