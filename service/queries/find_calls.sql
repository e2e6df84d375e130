-- find_calls: the calls that an id may mean (span, trace, request, response, conversation or call key), newest first.
SELECT m.time, m.received_at, m.call_key, m.trace_id, m.span_id, m.external_request_id, m.response_id, m.provider,
    m.model, m.request_model, m.operation, m.service_tier, m.environment, m.data_mode, m.service_name, m.endpoint_tag,
    m.prompt_version, m.tenant_id, m.user_id, m.status, m.error_type, m.usage_source, m.input_tokens, m.output_tokens,
    m.cache_read_tokens, m.cache_write_tokens, m.cache_write_1h_tokens, m.reasoning_tokens, m.input_audio_tokens,
    m.output_audio_tokens, m.input_image_tokens, m.output_image_tokens, m.input_cached_audio_tokens,
    m.input_cached_image_tokens, m.latency_ms, m.cost_pico_usd, m.first_cost_pico_usd,
    m.price_status, m.price_vector_id, m.price_map_id, m.flags, m.dialect, m.sources, m.reported_cost_usd,
    x.recomputed_pico_usd, x.agrees, nullif(v.valid_from, '-infinity') AS valid_from, nullif(v.valid_to, 'infinity') AS valid_to, v.threshold_tokens, v.source AS price_source,
    v.source_url AS price_source_url, v.checked_at AS price_checked_at, v.coefficients, v.provider AS price_provider,
    v.model AS price_model, v.service_tier AS price_service_tier
FROM genai.model_call m
LEFT JOIN genai.price_vector v ON v.id = m.price_vector_id
LEFT JOIN LATERAL genai.explained(m.call_key, m.time) x ON true
WHERE m.time >= %(from)s AND m.time < %(to)s AND (
    m.span_id = lower(%(id)s) OR m.trace_id = lower(replace(%(id)s, '-', '')) OR m.external_request_id = %(id)s
    OR m.response_id = %(id)s OR m.call_key::text = lower(%(id)s))
ORDER BY m.time DESC, m.call_key
LIMIT %(limit)s
