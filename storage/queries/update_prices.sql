-- New prices take their places. Parameters: first and last time.
UPDATE _genai.model_call m SET
    flags = a.flags, price_status = a.price_status, price_vector_id = a.price_vector_id, price_map_id = a.price_map_id,
    cost_pico_usd = a.cost_pico_usd, input_cost_pico_usd = a.input_cost_pico_usd,
    cache_read_cost_pico_usd = a.cache_read_cost_pico_usd, cache_write_cost_pico_usd = a.cache_write_cost_pico_usd,
    output_cost_pico_usd = a.output_cost_pico_usd, other_cost_pico_usd = a.other_cost_pico_usd
FROM pg_temp.amended a
WHERE m.time = a.time AND m.call_key = a.call_key AND m.time >= %(first)s AND m.time <= %(last)s
