-- Both windows side by side.
SELECT genai.cost_text(t.baseline_cost_usd, genai.at_least(
        t.baseline_unpriced_calls, t.baseline_uncertain_calls, t.baseline_unread_spans), t.baseline_calls, 'no data')
        AS before,
    genai.cost_text(
        t.cost_usd, genai.at_least(t.unpriced_calls, t.uncertain_calls, t.unread_spans), t.calls, 'no data') AS now,
    genai.change_and_share_text(t.delta_usd, t.delta_ratio, t.unpriced_calls + t.baseline_unpriced_calls > 0) AS change,
    t.baseline_cost_usd, t.cost_usd, t.delta_usd, t.delta_ratio
FROM genai.compare(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 'endpoint', genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'),
    genai.panel_focus('$user'), genai.panel_focus('$tenant'), genai.panel_focus('$model'), NULL,
    genai.panel_focus('$service'), 0) t
WHERE t.is_total
