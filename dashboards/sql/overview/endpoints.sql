-- Endpoints by the size of their change.
SELECT t.segment AS endpoint, genai.cost_text(t.cost_usd, t.unpriced_calls + t.uncertain_calls > 0, t.calls) AS spend,
    genai.change_text(t.delta_usd, t.unpriced_calls + t.baseline_unpriced_calls > 0) AS change, t.top_term,
    genai.cost_text(t.cost_per_request_usd, false, t.calls) AS unit_cost,
    t.cost_usd, t.baseline_cost_usd, t.delta_usd, t.cost_per_request_usd, t.requests
FROM genai.compare(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 'endpoint', p_service => genai.panel_focus('$service'),
    p_limit => 10) t
WHERE NOT t.is_total
