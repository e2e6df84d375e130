-- What was seen in the range; the first, `*`, is no filter.
SELECT v."__text", v."__value"
FROM genai.focus_values(
    'user', $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','),
    '$data_mode') v
