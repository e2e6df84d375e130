-- What budgets of the selection watch for beside their limits, and how often each was reached in the range.
SELECT a.budget, a.scope, a.measure, a.period, a."limit", a.reached, a.owner, a.limit_usd
FROM genai.panel_spend_alerts($__timeFrom()::timestamptz, $__timeTo()::timestamptz,
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode') a
