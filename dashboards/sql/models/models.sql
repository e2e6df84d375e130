-- Models by spend; the model in focus does not narrow the list.
SELECT m.model, m.spend, m.cost_share, m.change, m.calls, m.unit_cost, m.usd_per_million_tokens, m.cache_share,
    m.family_success_share, m.state, m.provider, m.cost_usd, m.baseline_cost_usd, m.delta_usd, m.cost_per_call_usd,
    m.unpriced_calls
FROM genai.models_used(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), '*',
    genai.panel_focus('$service')) m
