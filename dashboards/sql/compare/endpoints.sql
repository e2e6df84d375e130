-- Every endpoint's own terms; each row sums to its change.
SELECT t.segment AS endpoint, genai.cost_text(t.cost_usd, t.unpriced_calls + t.uncertain_calls > 0, t.calls) AS spend,
    genai.change_text(t.delta_usd, t.unpriced_calls + t.baseline_unpriced_calls > 0) AS change, t.top_term,
    genai.change_text(t.volume_usd, x.is_unknown) AS volume,
    genai.change_text(t.attempts_usd, x.is_unknown) AS attempts,
    genai.change_text(t.mix_usd, x.is_unknown) AS mix,
    genai.change_text(t.tokens_usd, x.is_unknown) AS tokens,
    genai.change_text(t.price_usd, x.is_unknown) AS price,
    genai.change_text(CASE t.new_usd WHEN 0 THEN t.gone_usd ELSE t.new_usd END, x.is_unknown) AS new_or_gone,
    t.baseline_cost_usd, t.cost_usd, t.delta_usd, t.volume_usd, t.attempts_usd, t.mix_usd, t.tokens_usd, t.price_usd,
    t.new_usd, t.gone_usd
FROM genai.compare(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 'endpoint', genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'),
    genai.panel_focus('$user'), genai.panel_focus('$tenant'), genai.panel_focus('$model'), NULL,
    genai.panel_focus('$service'), 15) t
CROSS JOIN LATERAL (
    SELECT t.delta_usd = 0 AND t.unpriced_calls + t.baseline_unpriced_calls > 0 AS is_unknown) x
WHERE NOT t.is_total
