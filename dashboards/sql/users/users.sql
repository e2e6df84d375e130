-- Users by spend, of the tenant in focus.
SELECT t.name AS "user", genai.short_name('user', t.name) AS user_name, t.tenant, genai.short_name('tenant', t.tenant) AS tenant_name,
    t.spend, t.cost_share, t.baseline_cost_share, t.change, t.calls, t.unit_cost, t.success_ratio, t.state, t.cost_usd,
    t.delta_usd, t.cost_per_request_usd, p.page_link, p.page_url
FROM genai.identity_share(
    'user', $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), '*', '*',
    genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service'), 20) t
CROSS JOIN LATERAL genai.row_page(
    'user', $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$endpoint'), '*', t.name,
    t.tenant, genai.panel_focus('$model'), genai.panel_focus('$service')) p
