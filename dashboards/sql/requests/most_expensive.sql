-- The most expensive of the newest two thousand calls of the selection.
SELECT c."time", c.cost_usd, p.call_link, c.endpoint, c.prompt_version, c.model, c.tenant, c."user", c.input_tokens,
    c.output_tokens, c.latency_ms, c.trace_link, p.call_url, c.trace_url
FROM genai.most_expensive_calls(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service')) c
CROSS JOIN LATERAL genai.call_page(c.call_key, c."time") p
