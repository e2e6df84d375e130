-- The budgets of the selection that have used most of their limit.
SELECT b.state, b.budget, b.period, b.spend, b."limit", b.used, b.projected, b.cost_usd, b.limit_usd
FROM genai.panel_budgets(array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 6) b
