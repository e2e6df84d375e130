-- How the budgets of the selection stand at once.
SELECT c.exceeded, c.warning, c.spend_alerts, c.most_used, c.judged_seconds
FROM genai.panel_budget_counts(array_to_string(ARRAY[$env]::text[], ','), '$data_mode') c
