-- Causes, those that came back most first.
SELECT c.driver, c.times, c.last_opened, c.without_guardrail, c.owner, c.class
FROM genai.panel_causes(array_to_string(ARRAY[$env]::text[], ','), '$data_mode') c
