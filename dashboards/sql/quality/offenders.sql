-- Where calls fail, and what lists calls like them.
SELECT q.item, q.found, q.service_shown, q.endpoint_shown, q.failed, q.share, q.environments, q.data_mode, q.service, q.endpoint,
    q.prompt_version, q.price
FROM genai.panel_quality_offenders(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz,
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$service')) q
