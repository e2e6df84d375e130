-- What happened, in sentences, and where to look closer.
SELECT s.place, s.kind, s.sentence, s.change, s.name, s.class, s.delta_usd, s.focus_uid, s.endpoint, s.prompt_version, s."user",
    s.tenant, s.model, s.service
FROM genai.story(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', '*', '*', '*', '*', '*', genai.panel_focus('$service')) s
ORDER BY s.place
