-- What is missing from the figures of the selection, on a dashboard without a focus.
SELECT n.state, n.note, n.name, n.focus_uid, n.environments, n.data_mode, n.baseline, n.endpoint, n.prompt_version,
    n."user", n.tenant, n.model, n.service
FROM genai.panel_notes(
    '${dashboard_uid}', $__timeFrom()::timestamptz, $__timeTo()::timestamptz, '$baseline',
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', '*', '*', '*', '*', '*', genai.panel_focus('$service'), true) n
