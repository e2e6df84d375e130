-- Rows that an amendment begins: another span of a call is the one that is counted now. With the key of their span.
-- Parameters: first and last time.
WITH begun AS (
    INSERT INTO _genai.model_call (
        time, received_at, call_key, series_id, identity_id, shape_id, flags, folded, status, usage_source, price_status,
        requests, attempt, price_map_id, {input_tokens..output_image_tokens: #}, price_vector_id, latency_us,
        time_to_first_token_us, cost_pico_usd, input_cost_pico_usd, cache_read_cost_pico_usd, cache_write_cost_pico_usd,
        output_cost_pico_usd, other_cost_pico_usd, reported_cost_pico_usd, span_id, parent_span_id, trace_id,
        claimed_time, merged_into, external_request_id, response_id, conversation_id, completed
    )
    SELECT
        a.time, a.received_at, a.call_key, a.series_id, a.identity_id, a.shape_id, a.flags, a.folded, a.status,
        a.usage_source, a.price_status, a.requests, a.attempt, a.price_map_id,
        {input_tokens..output_image_tokens: a.#}, a.price_vector_id, a.latency_us, a.time_to_first_token_us,
        a.cost_pico_usd, a.input_cost_pico_usd, a.cache_read_cost_pico_usd, a.cache_write_cost_pico_usd,
        a.output_cost_pico_usd, a.other_cost_pico_usd, a.reported_cost_pico_usd, a.span_id, a.parent_span_id,
        a.trace_id, a.claimed_time, a.merged_into, a.external_request_id, a.response_id, a.conversation_id, a.completed
    FROM pg_temp.amended a
    WHERE NOT EXISTS (
        SELECT FROM _genai.model_call m
        WHERE m.time = a.time AND m.call_key = a.call_key AND m.time >= %(first)s AND m.time <= %(last)s)
    RETURNING call_key, time
)
INSERT INTO _genai.call_key (key, call, time, received_at)
SELECT b.call_key, b.call_key, b.time, now() FROM begun b
ON CONFLICT (key) DO NOTHING
