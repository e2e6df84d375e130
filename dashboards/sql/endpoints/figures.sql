-- The selection in one line, and its drift against the baseline.
SELECT t.cost_usd, t.delta_usd, t.cost_per_request_usd,
    t.cost_per_request_usd / nullif(t.baseline_cost_per_request_usd, 0) AS drift, t.tokens_per_request, t.requests,
    t.success_ratio, t.attempts_per_success, t.p95_ms
FROM genai.compare(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 'endpoint',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), NULL,
    genai.panel_focus('$service'), 0) t
WHERE t.is_total
