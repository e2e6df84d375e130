-- Prompt versions of the selection, the newest first.
SELECT v.endpoint, v.prompt_version, v.first_seen, v.last_seen, v.calls, v.cost_usd, v.cost_share, v.cost_per_request_usd,
    v.ratio, v.input_tokens_per_request, v.output_tokens_per_request, v.success_ratio, v.p95_ms, v.verdict, v.model_mix
FROM genai.prompt_versions(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$user'), genai.panel_focus('$tenant'),
    genai.panel_focus('$model'), genai.panel_focus('$service')) v
