-- Endpoints by the size of their change.
SELECT t.segment AS endpoint, t.cost_usd, t.baseline_cost_usd, t.delta_usd, t.top_term, t.cost_per_request_usd, t.requests
FROM genai.compare(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 'endpoint', p_service => genai.panel_focus('$service'),
    p_limit => 10) t
WHERE NOT t.is_total
