-- Locked rows as storage/amended_row.py reads them. Times in microseconds since 2000. Parameters as lock_calls.
SELECT
    (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000 AS time_us,
    (extract(epoch FROM m.received_at) * 1000000)::bigint - 946684800000000 AS received_us,
    (extract(epoch FROM m.claimed_time) * 1000000)::bigint - 946684800000000 AS claimed_us,
    uuid_send(m.call_key) AS call_key, uuid_send(m.trace_id) AS trace_id, int8send(m.span_id) AS span_id,
    int8send(m.parent_span_id) AS parent_span_id, uuid_send(m.merged_into) AS merged_into,
    m.completed, m.requests, m.flags, m.folded, m.series_id, m.identity_id, m.shape_id, h.reading_id,
    s.environment, s.data_mode, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model,
    i.tenant_id, i.user_id, h.operation, h.request_model, h.service_tier, h.error_type, h.http_status, h.streaming,
    h.request_id_given, m.status, m.usage_source,
    {input_tokens..output_image_tokens: m.#}, m.input_cached_audio_tokens, m.input_cached_image_tokens,
    m.latency_us, m.time_to_first_token_us, m.reported_cost_pico_usd,
    m.external_request_id, m.response_id, m.conversation_id, m.attempt, m.price_status, m.cost_pico_usd,
    m.input_cost_pico_usd, m.cache_read_cost_pico_usd, m.cache_write_cost_pico_usd, m.output_cost_pico_usd,
    m.other_cost_pico_usd, m.price_vector_id, m.price_map_id
FROM unnest(%(times)s::timestamptz[], %(keys)s::uuid[]) AS o (time, key)
JOIN _genai.model_call m ON m.time = o.time AND m.call_key = o.key
JOIN _genai.series s ON s.id = m.series_id
JOIN _genai.identity i ON i.id = m.identity_id
JOIN _genai.shape h ON h.id = m.shape_id
WHERE m.time >= %(first)s AND m.time <= %(last)s
