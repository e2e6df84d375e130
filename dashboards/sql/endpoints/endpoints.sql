-- Endpoints by the size of their change; the endpoint in focus does not narrow the list.
SELECT t.segment AS endpoint, t.cost_usd, t.baseline_cost_usd, t.delta_usd, t.top_term, t.cost_per_request_usd,
    t.cost_per_request_usd / nullif(t.baseline_cost_per_request_usd, 0) AS drift, t.requests, t.success_ratio,
    t.attempts_per_success, t.p95_ms, t.wasted_usd
FROM genai.compare(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 'endpoint',
    '*', '*', genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), NULL,
    genai.panel_focus('$service'), 25) t
WHERE NOT t.is_total
