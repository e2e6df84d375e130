-- Every budget's running period, the most used first.
SELECT b.state, b.budget, b.scope, b.period, b.spend, b."limit", b.used, b."left", b.projected, b.owner, b.cost_usd,
    b.limit_usd, b.from_ms, b.until_ms, b.environment, b.data_mode, b.baseline, b.service, b.endpoint, b.prompt_version,
    b."user", b.tenant, b.model
FROM genai.panel_budgets(array_to_string(ARRAY[$env]::text[], ','), '$data_mode') b
