-- Endpoints that call the selection's models.
SELECT t.segment AS endpoint, genai.cost_text(t.cost_usd, t.unpriced_calls > 0, t.calls) AS spend,
    genai.change_text(t.delta_usd, t.unpriced_calls + t.baseline_unpriced_calls > 0) AS change, t.top_term, t.calls,
    t.cost_usd, t.delta_usd
FROM genai.compare(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 'endpoint',
    '*', genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), NULL,
    genai.panel_focus('$service'), 15) t
WHERE NOT t.is_total
