-- The statements of reprice_rows.py: rows as far as a price is concerned.
-- ranges: storage/schema/measures.py

-- next_prices --
-- The next rows to be priced again, in order. Parameters: first, end, restate, models, after_key (of the time
-- `first` only greater keys count; NULL: all), limit.
SELECT (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000, uuid_send(m.call_key)
FROM _genai.model_call m
WHERE m.time >= %(first)s AND m.time < %(end)s AND m.merged_into IS NULL
    AND (%(restate)s OR m.cost_pico_usd IS NULL)
    AND (%(models)s::text[] IS NULL OR m.series_id IN (
        SELECT s.id FROM _genai.series s WHERE s.model = ANY(%(models)s) OR s.provider || '/' || s.model = ANY(%(models)s)))
    AND (%(after_key)s::uuid IS NULL OR m.time > %(first)s OR m.call_key > %(after_key)s)
ORDER BY m.time, m.call_key
LIMIT %(limit)s


-- lock_prices --
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


-- read_prices --
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


-- copy_prices --
-- Columns as storage/journal/reprice_rows.py packs them.
COPY pg_temp.amended (
    time, call_key, flags, price_status, price_vector_id, price_map_id, cost_pico_usd, input_cost_pico_usd,
    cache_read_cost_pico_usd, cache_write_cost_pico_usd, output_cost_pico_usd, other_cost_pico_usd
) FROM STDIN (FORMAT binary)


-- update_prices --
-- New prices take their places. Parameters: first and last time.
UPDATE _genai.model_call m SET
    flags = a.flags, price_status = a.price_status, price_vector_id = a.price_vector_id, price_map_id = a.price_map_id,
    cost_pico_usd = a.cost_pico_usd, input_cost_pico_usd = a.input_cost_pico_usd,
    cache_read_cost_pico_usd = a.cache_read_cost_pico_usd, cache_write_cost_pico_usd = a.cache_write_cost_pico_usd,
    output_cost_pico_usd = a.output_cost_pico_usd, other_cost_pico_usd = a.other_cost_pico_usd
FROM pg_temp.amended a
WHERE m.time = a.time AND m.call_key = a.call_key AND m.time >= %(first)s AND m.time <= %(last)s


-- read_series --
-- Parameter: ids.
SELECT s.id, s.environment, s.data_mode, s.provider, s.model FROM _genai.series s WHERE s.id = ANY(%s::bigint[])


-- read_shapes --
-- Parameter: ids.
SELECT h.id, h.operation, h.service_tier FROM _genai.shape h WHERE h.id = ANY(%s::bigint[])


-- read_tenants --
-- Parameter: ids.
SELECT i.id, i.tenant_id FROM _genai.identity i WHERE i.id = ANY(%s::bigint[])
