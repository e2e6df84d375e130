-- What happened to the selection and its focus, in sentences, and where to look closer.
SELECT s.place, s.kind, s.sentence, s.change, s.name, p.page_link, p.page_url, s.class, s.delta_usd, s.focus_uid,
    s.endpoint, s.prompt_version, s."user", s.tenant, s.model, s.service
FROM genai.story(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$endpoint'),
    genai.panel_focus('$prompt_version'), genai.panel_focus('$user'), genai.panel_focus('$tenant'),
    genai.panel_focus('$model'), genai.panel_focus('$service'), 'spanledger-endpoints') s
CROSS JOIN LATERAL genai.compare_page(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', s.endpoint, s.prompt_version, s."user", s.tenant, s.model,
    s.service) p
ORDER BY s.place
