-- Whose the selection's spend is.
SELECT t.name AS tenant, genai.short_name('tenant', t.name) AS tenant_name, t.spend, t.cost_share, t.change, t.cost_usd,
    t.delta_usd, t.calls, t.state
FROM genai.identity_share(
    'tenant', $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), '*', genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service'), 12) t
