-- Where the change is: its drivers, then every dimension, the largest first.
SELECT d.kind, d.name, d.before, d.spend, d.change, d.baseline_cost_usd, d.cost_usd, d.delta_usd, d.share_of_delta,
    d.calls, d.baseline_calls, d.focus_uid, d.endpoint, d.prompt_version, d."user", d.tenant, d.model, d.service
FROM genai.change_by_focus(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'),
    genai.panel_focus('$user'), genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service')) d
