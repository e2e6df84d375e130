-- Tenants by spend and their share of it.
SELECT t.tenant, t.cost_usd, t.cost_share, t.baseline_cost_usd, t.delta_usd, t.calls
FROM genai.tenant_share(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', '*', '*', '*', 10) t
