-- The newest fifty calls of the selection.
SELECT c."time", p.call_link, c.trace_link, c.status, c.endpoint, c.prompt_version, c.model, c.cost_usd, c.price_status,
    c.input_tokens, c.cache_read_tokens, c.output_tokens, c.latency_ms, c.tenant, c."user", c.error, c.attempt,
    c.request_id, c.trace_id, p.call_url, c.trace_url
FROM genai.calls_of(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service')) c
CROSS JOIN LATERAL genai.call_page(c.call_key, c."time") p
