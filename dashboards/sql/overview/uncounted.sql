-- What the spend does not hold: calls without a price, calls without certain usage, refused calls.
SELECT u.exactness, u.unpriced_calls, u.uncertain_share, u.unread_spans, u.error_without_usage_calls, u.wasted_usd
FROM genai.uncounted(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    p_service => genai.panel_focus('$service')) u
