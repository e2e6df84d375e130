-- Endpoints by the size of their change; the endpoint in focus does not narrow the list.
SELECT t.segment AS endpoint, genai.cost_text(t.cost_usd, t.unpriced_calls > 0, t.calls) AS spend,
    genai.cost_text(t.baseline_cost_usd, t.baseline_unpriced_calls > 0, t.baseline_calls) AS before,
    genai.change_text(t.delta_usd, t.unpriced_calls + t.baseline_unpriced_calls > 0) AS change, t.top_term,
    genai.cost_text(t.cost_per_request_usd, false, t.calls) AS unit_cost,
    genai.drift(t.cost_per_request_usd, t.baseline_cost_per_request_usd, t.calls, t.baseline_calls) AS drift,
    t.requests, t.success_ratio, t.p95_ms, t.cost_usd, t.baseline_cost_usd, t.delta_usd, t.cost_per_request_usd,
    p.page_link, p.page_url
FROM genai.compare(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 'endpoint',
    '*', '*', genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), NULL,
    genai.panel_focus('$service'), 25) t
CROSS JOIN LATERAL genai.row_page(
    'endpoint', $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', t.segment, '*', genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), genai.panel_focus('$service')) p
WHERE NOT t.is_total
