-- When budgets of the selection reached a state or were taken back, as noticed in the range.
SELECT e.at, e.transition, e.budget, e.period, e."limit", e.spend, e.crossed_at, e.note, e.owner, e.cost_usd,
    e.limit_usd, e.from_ms, e.until_ms, e.environment, e.data_mode, e.baseline, e.service, e.endpoint, e.prompt_version,
    e."user", e.tenant, e.model
FROM genai.panel_budget_events($__timeFrom()::timestamptz, $__timeTo()::timestamptz,
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode') e
