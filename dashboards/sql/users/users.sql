-- Users by spend, of the tenant in focus.
SELECT t.name AS "user", t.tenant, t.cost_usd, t.cost_share, t.baseline_cost_share, t.delta_usd, t.calls, t.cost_per_request_usd, t.success_ratio, t.state
FROM genai.identity_share(
    'user', $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), '*', '*',
    genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service'), 20) t
