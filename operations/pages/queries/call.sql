-- One call with the price that was used for it; `at` is its time, where the address has it.
SELECT c.*, c.input_cost_pico_usd * 1e-12 AS input_cost_usd,
    (c.cost_pico_usd - c.first_cost_pico_usd) * 1e-12 AS repriced_usd, c.first_cost_pico_usd * 1e-12 AS first_cost_usd,
    v.provider AS priced_provider, v.model AS priced_model, v.service_tier AS priced_tier,
    nullif(v.valid_from, '-infinity') AS valid_from, nullif(v.valid_to, 'infinity') AS valid_to, v.threshold_tokens, v.threshold_inclusive, v.above, v.source, v.source_url, v.checked_at, p.base AS price_list,
    replace(replace((SELECT s.value FROM genai.setting s WHERE s.key = 'trace_url'), '{traceId}', c.trace_id),
        '{spanId}', coalesce(c.span_id, '')) AS trace_url
FROM genai.model_call c
LEFT JOIN genai.price_vector v ON v.id = c.price_vector_id
LEFT JOIN genai.price_map p ON p.id = c.price_map_id
WHERE c.call_key = %(key)s AND c.time = (SELECT coalesce(%(at)s::timestamptz, genai.call_time(%(key)s)))
LIMIT 1
