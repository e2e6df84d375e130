-- What a price depends on, and the price, as storage/journal/reprice_rows.py reads it; times in microseconds since 2000.
-- Without a lock: for what would change. Parameters: first, end, restate, models.
SELECT
    (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000, uuid_send(m.call_key), m.series_id, m.shape_id,
    m.identity_id, m.status, m.usage_source, m.flags, m.price_status,
    {input_tokens..output_image_tokens: m.#}, m.input_cached_audio_tokens, m.input_cached_image_tokens,
    m.cost_pico_usd, m.input_cost_pico_usd, m.cache_read_cost_pico_usd,
    m.cache_write_cost_pico_usd, m.output_cost_pico_usd, m.other_cost_pico_usd, m.price_vector_id, m.price_map_id
FROM _genai.model_call m
WHERE m.time >= %(first)s AND m.time < %(end)s AND m.merged_into IS NULL
    AND (%(restate)s OR m.cost_pico_usd IS NULL)
    AND (%(models)s::text[] IS NULL OR m.series_id IN (
        SELECT s.id FROM _genai.series s WHERE s.model = ANY(%(models)s) OR s.provider || '/' || s.model = ANY(%(models)s)))
