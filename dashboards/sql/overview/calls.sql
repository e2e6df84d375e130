-- Requests, calls and errors of every bucket: calls above requests are retries or agents.
SELECT u."time", u.requests, u.calls, u.errors, u.until_ms
FROM genai.usage_chart(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode', '',
    '*', '*', '*', '*', '*', genai.panel_focus('$service')) u
ORDER BY 1
