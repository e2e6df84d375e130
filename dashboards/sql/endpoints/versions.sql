-- Prompt versions of the selection in the range and its baseline, the newest first.
SELECT v.prompt_version, v.endpoint, v.first_seen, v.calls, v.spend, v.unit_cost, v.verdict, v.cost_usd,
    v.cost_per_request_usd
FROM genai.prompt_versions(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$user'), genai.panel_focus('$tenant'),
    genai.panel_focus('$model'), genai.panel_focus('$service'), p_baseline => genai.panel_baseline('$baseline')) v
