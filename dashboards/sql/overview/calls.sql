-- Requests, calls and errors of every bucket: calls above requests are retries or agents.
SELECT u."time", u.requests, u.calls, u.errors
FROM genai.usage_over_time(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode', '',
    '*', '*', '*', '*', '*', genai.panel_focus('$service')) u
ORDER BY 1
