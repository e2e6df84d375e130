-- As read_prices, of given rows and from their locked versions: only model_call is asked, so that a row which changed
-- while we waited for it is read as it is now. Parameters as lock_calls.
SELECT
    (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000, uuid_send(m.call_key), m.series_id, m.shape_id,
    m.identity_id, m.status, m.usage_source, m.flags, m.price_status,
    {input_tokens..output_image_tokens: m.#}, m.input_cached_audio_tokens, m.input_cached_image_tokens,
    m.cost_pico_usd, m.input_cost_pico_usd, m.cache_read_cost_pico_usd,
    m.cache_write_cost_pico_usd, m.output_cost_pico_usd, m.other_cost_pico_usd, m.price_vector_id, m.price_map_id
FROM unnest(%(times)s::timestamptz[], %(keys)s::uuid[]) AS o (time, key)
JOIN _genai.model_call m ON m.time = o.time AND m.call_key = o.key
WHERE m.time >= %(first)s AND m.time <= %(last)s AND m.merged_into IS NULL
ORDER BY m.time, m.call_key
FOR UPDATE OF m
