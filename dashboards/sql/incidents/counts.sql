-- How many incidents are open, contained, opened in the range, and closed without a guardrail.
SELECT c.open, c.contained, c.opened, c.guardrails_open
FROM genai.panel_incident_counts(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') c
