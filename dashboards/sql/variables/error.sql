-- What failed calls said in the range; the first, `*`, is no filter.
SELECT v."__text", v."__value"
FROM genai.error_values(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') v
