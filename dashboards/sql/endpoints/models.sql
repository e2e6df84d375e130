-- Models that answered.
SELECT m.model, m.spend, m.cost_share, m.change, m.state, m.provider, m.cost_usd, m.delta_usd, m.calls, m.cost_per_call_usd
FROM genai.models_used(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), '*',
    genai.panel_focus('$service')) m
