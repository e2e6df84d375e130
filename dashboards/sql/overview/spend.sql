-- Spend now and before, and what an hour of the range cost.
SELECT t.cost_usd, t.baseline_cost_usd, t.delta_usd, t.delta_ratio,
    genai.usd_per_hour(t.cost_usd, t.from_used, t.to_used) AS usd_per_hour,
    t.cost_per_request_usd, t.cost_per_request_usd / nullif(t.baseline_cost_per_request_usd, 0) AS drift,
    t.requests, t.calls, t.success_ratio, t.attempts_per_success, t.p95_ms
FROM genai.compare(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 'endpoint', p_service => genai.panel_focus('$service'),
    p_limit => 0) t
WHERE t.is_total
