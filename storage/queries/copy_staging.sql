-- Columns as storage/rows.py packs them.
COPY pg_temp.staging (
    minute, time, call_key, latency_bucket, flags, requests, received_at, booked_series_id, facet_id,
    series_id, booked_identity_id, identity_id, folded, shape_id, status, usage_source, price_status,
    price_vector_id, price_map_id, cost_pico_usd, input_cost_pico_usd, output_cost_pico_usd,
    cache_read_cost_pico_usd, cache_write_cost_pico_usd, other_cost_pico_usd, input_tokens, output_tokens,
    cache_read_tokens, reasoning_tokens, cache_write_tokens, cache_write_1h_tokens, input_audio_tokens,
    output_audio_tokens, input_image_tokens, output_image_tokens, latency_us, time_to_first_token_us,
    trace_id, span_id, parent_span_id, attempt, reported_cost_pico_usd, claimed_time, external_request_id,
    response_id, conversation_id
) FROM STDIN (FORMAT binary)
