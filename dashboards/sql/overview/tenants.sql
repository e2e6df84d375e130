-- Tenants by spend and their share of it.
SELECT t.name AS tenant, t.spend, t.cost_share, t.state, t.cost_usd, t.delta_usd, t.calls
FROM genai.identity_share(
    'tenant',
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', NULL, NULL, NULL, NULL, NULL, genai.panel_focus('$service'), 10) t
