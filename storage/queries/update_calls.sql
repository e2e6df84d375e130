-- The new versions take their places. Where a row leaves its first series, that one is kept: its first cost was
-- booked there (LEDGER §19). Parameters: first and last time.
UPDATE _genai.model_call m SET
    series_id = a.series_id, identity_id = a.identity_id, folded = a.folded, shape_id = a.shape_id, flags = a.flags,
    status = a.status, usage_source = a.usage_source, requests = a.requests, attempt = a.attempt,
    {input_tokens..output_image_tokens: # = a.#}, input_cached_audio_tokens = a.input_cached_audio_tokens,
    input_cached_image_tokens = a.input_cached_image_tokens, latency_us = a.latency_us,
    time_to_first_token_us = a.time_to_first_token_us, reported_cost_pico_usd = a.reported_cost_pico_usd,
    external_request_id = a.external_request_id, response_id = a.response_id, conversation_id = a.conversation_id,
    price_status = a.price_status, price_vector_id = a.price_vector_id, price_map_id = a.price_map_id,
    cost_pico_usd = a.cost_pico_usd, input_cost_pico_usd = a.input_cost_pico_usd,
    cache_read_cost_pico_usd = a.cache_read_cost_pico_usd, cache_write_cost_pico_usd = a.cache_write_cost_pico_usd,
    output_cost_pico_usd = a.output_cost_pico_usd, other_cost_pico_usd = a.other_cost_pico_usd,
    merged_into = a.merged_into, completed = a.completed,
    first_series_id = CASE WHEN m.series_id <> a.series_id THEN coalesce(m.first_series_id, m.series_id)
        ELSE m.first_series_id END
FROM pg_temp.amended a
WHERE m.time = a.time AND m.call_key = a.call_key AND m.time >= %(first)s AND m.time <= %(last)s
