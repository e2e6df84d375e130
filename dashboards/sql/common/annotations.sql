-- First calls of prompt versions, at most twenty of a range.
SELECT a."time", a.timeend, a.text, a.tags
FROM genai.annotations(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    '$endpoint') a
