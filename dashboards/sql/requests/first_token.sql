-- How long the newest streamed calls of the selection waited for their first token.
SELECT c.model, c.calls, c.p50_ms, c.p95_ms
FROM genai.first_token(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), genai.panel_focus('$service')) c
