-- The accepted calls from the staging table to their place. A promoted wrapper (flag 4096) was not booked at ingest:
-- its money is a line of the ledger's book (book_promotions.sql), not a first cost.
INSERT INTO _genai.model_call (
    time, call_key, flags, requests, received_at, series_id, identity_id, folded, shape_id, status,
    usage_source, price_status, price_vector_id, price_map_id, cost_pico_usd, input_cost_pico_usd,
    output_cost_pico_usd, cache_read_cost_pico_usd, cache_write_cost_pico_usd, other_cost_pico_usd,
    input_tokens, output_tokens, cache_read_tokens, reasoning_tokens, cache_write_tokens,
    cache_write_1h_tokens, input_audio_tokens, output_audio_tokens, input_image_tokens, output_image_tokens,
    input_cached_audio_tokens, input_cached_image_tokens, latency_us, time_to_first_token_us, trace_id, span_id, parent_span_id, attempt, reported_cost_pico_usd,
    claimed_time, external_request_id, response_id, conversation_id, first_cost_pico_usd
)
SELECT
    s.time, s.call_key, s.flags, s.requests, s.received_at, s.series_id, s.identity_id, s.folded, s.shape_id,
    s.status, s.usage_source, s.price_status, s.price_vector_id, s.price_map_id, s.cost_pico_usd,
    s.input_cost_pico_usd, s.output_cost_pico_usd, s.cache_read_cost_pico_usd, s.cache_write_cost_pico_usd,
    s.other_cost_pico_usd, s.input_tokens, s.output_tokens, s.cache_read_tokens, s.reasoning_tokens,
    s.cache_write_tokens, s.cache_write_1h_tokens, s.input_audio_tokens, s.output_audio_tokens,
    s.input_image_tokens, s.output_image_tokens, s.input_cached_audio_tokens, s.input_cached_image_tokens, s.latency_us, s.time_to_first_token_us, s.trace_id,
    s.span_id, s.parent_span_id, s.attempt, s.reported_cost_pico_usd, s.claimed_time, s.external_request_id,
    s.response_id, s.conversation_id, CASE WHEN s.flags & 4096 = 0 THEN s.cost_pico_usd END
FROM pg_temp.staging s
