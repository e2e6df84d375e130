-- What is missing from the figures, on a dashboard whose story says itself when there is no baseline.
SELECT n.state, n.note, n.name, n.focus_uid, n.environments, n.data_mode, n.baseline, n.endpoint, n.prompt_version,
    n."user", n.tenant, n.model, n.service
FROM genai.panel_notes(
    '${dashboard_uid}', $__timeFrom()::timestamptz, $__timeTo()::timestamptz, '$baseline',
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$endpoint'),
    genai.panel_focus('$prompt_version'), genai.panel_focus('$user'), genai.panel_focus('$tenant'),
    genai.panel_focus('$model'), genai.panel_focus('$service'), true) n
