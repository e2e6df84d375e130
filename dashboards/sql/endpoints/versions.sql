-- Prompt versions of the selection, the newest first.
SELECT v.prompt_version, v.endpoint, v.first_seen, v.calls, genai.cost_text(v.cost_usd, false, v.calls) AS spend,
    genai.cost_text(v.cost_per_request_usd, false, v.calls) AS unit_cost, v.verdict, v.cost_usd, v.cost_per_request_usd
FROM genai.prompt_versions(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$user'), genai.panel_focus('$tenant'),
    genai.panel_focus('$model'), genai.panel_focus('$service')) v
