-- One page of the calls of the selection.
SELECT c."time", c.cost, c.ended, c.endpoint, c.model, c.tokens, c.latency_ms, p.call_link, c.trace_link,
    i.incident_link, c.status, c.error, c.price_status, c.prompt_version, c.tenant, c."user", c.cost_usd, c.input_tokens,
    c.cache_read_tokens, c.output_tokens, c.attempt, c.request_id, c.trace_id, p.call_url, c.trace_url, i.incident_url
FROM genai.call_list(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), genai.panel_focus('$service'),
    genai.panel_focus('$status'), genai.panel_focus('$error'), genai.panel_focus('$price'),
    genai.panel_focus('$conversation'), genai.panel_focus('$latency'), '$order', '$page') c
CROSS JOIN LATERAL genai.call_page(c.call_key, c."time") p
CROSS JOIN LATERAL genai.call_incident(
    c."time", c.environment, c.data_mode, c.endpoint, c.prompt_version, c."user", c.tenant, c.model, c.service) i
ORDER BY c.place
