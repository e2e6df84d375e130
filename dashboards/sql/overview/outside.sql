-- What the chosen environment and data mode leave out.
SELECT o.environment, o.data_mode, o.calls, o.last_seen
FROM genai.data_outside(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') o
