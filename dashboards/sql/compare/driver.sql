-- The kind of the change in words, whose it is, and where to look closer.
SELECT d.class, d.sentence, d.kind, d.name, d.delta_usd, d.focus_uid, d.endpoint, d.prompt_version, d."user", d.tenant,
    d.model, d.service
FROM genai.top_driver(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'),
    genai.panel_focus('$user'), genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service')) d
