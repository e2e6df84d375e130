-- Who sends usage that no rule reads.
SELECT u.scope, u.version, u.service_name, u.environment, u.data_mode, u.keys, u.spans, u.first_seen, u.last_seen
FROM genai.unread_sources(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$service')) u
LIMIT 50
