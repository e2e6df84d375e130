-- Incidents of the selection that are not closed, whenever they were opened.
SELECT i.number, i.title, i.opened, i.state, i.owner, i.channel, i.driver, i.verdict, i.came_back, i.guardrail, i.page,
    i.class, i.page_url, i.from_ms, i.until_ms, i.environment, i.data_mode, i.baseline, i.service, i.endpoint,
    i.prompt_version, i."user", i.tenant, i.model
FROM genai.panel_incidents(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode', true) i
