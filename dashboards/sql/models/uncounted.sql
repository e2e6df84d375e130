-- Calls of the selection whose cost is not known.
SELECT u.exactness, u.unpriced_calls, u.uncertain_share, u.unread_spans, u.error_without_usage_calls
FROM genai.uncounted(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service')) u
