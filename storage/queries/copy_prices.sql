-- Columns as storage/journal/reprice_rows.py packs them.
COPY pg_temp.amended (
    time, call_key, flags, price_status, price_vector_id, price_map_id, cost_pico_usd, input_cost_pico_usd,
    cache_read_cost_pico_usd, cache_write_cost_pico_usd, output_cost_pico_usd, other_cost_pico_usd
) FROM STDIN (FORMAT binary)
