-- Latency of the newest two thousand calls, in the bounds of the histogram.
SELECT l.up_to, l.calls, l.latency
FROM genai.latency_shape(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service')) l
ORDER BY l.place
