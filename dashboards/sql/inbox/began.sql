-- Alerts of the selection that began in the range.
SELECT a.severity, a.title, a.sentence, a.began, a.state, a.change, a.driver, a.owner, a.page, a.class, a.page_url,
    a.from_ms, a.until_ms, a.environment, a.data_mode, a.baseline, a.service, a.endpoint, a.prompt_version, a."user",
    a.tenant, a.model
FROM genai.panel_alerts(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode', false) a
