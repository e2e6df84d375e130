-- Up to when everything received is counted, and what the reader must know about the range.
SELECT s.state, s.complete_to, s.notice
FROM genai.data_state(
    '${dashboard_uid}', $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','),
    '$data_mode') s
