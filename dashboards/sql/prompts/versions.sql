-- Prompt versions of the selection in the range and its baseline, the newest first.
SELECT v.endpoint, v.prompt_version, v.first_seen, v.spend, v.calls, v.unit_cost, v.ratio, v.verdict, v.model_mix,
    v.output_tokens_per_request, v.cost_usd, v.cost_per_request_usd, v.calls_before, v.input_tokens_per_request,
    v.success_ratio, v.last_seen
FROM genai.prompt_versions(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$user'), genai.panel_focus('$tenant'),
    genai.panel_focus('$model'), genai.panel_focus('$service'), p_baseline => genai.panel_baseline('$baseline')) v
