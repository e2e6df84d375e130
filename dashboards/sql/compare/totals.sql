-- Both windows side by side.
SELECT t.baseline_cost_usd, t.cost_usd, t.delta_usd, t.delta_ratio, t.unpriced_calls + t.uncertain_calls + t.unread_spans AS in_doubt
FROM genai.compare(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 'endpoint', genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'),
    genai.panel_focus('$user'), genai.panel_focus('$tenant'), genai.panel_focus('$model'), NULL,
    genai.panel_focus('$service'), 0) t
WHERE t.is_total
