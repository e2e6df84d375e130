-- The selection in one line, and its drift against the baseline.
SELECT genai.cost_text(
        t.cost_usd, genai.at_least(t.unpriced_calls, t.uncertain_calls, t.unread_spans), t.calls, 'no data') AS spend,
    genai.change_and_share_text(t.delta_usd, t.delta_ratio, t.unpriced_calls + t.baseline_unpriced_calls > 0) AS change,
    genai.cost_text(t.cost_per_request_usd, false, t.calls, 'no data') AS unit_cost,
    genai.drift(t.cost_per_request_usd, t.baseline_cost_per_request_usd, t.calls, t.baseline_calls) AS drift,
    t.cost_usd, t.delta_usd, t.cost_per_request_usd, t.tokens_per_request, t.requests, t.success_ratio,
    t.attempts_per_success, t.p95_ms
FROM genai.compare(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 'endpoint',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), NULL,
    genai.panel_focus('$service'), 0) t
WHERE t.is_total
