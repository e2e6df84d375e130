-- As measure_amended, of what a new price can change: the other measures of these rows stay as they are.
-- Parameters: sign, first and last time.
INSERT INTO pg_temp.delta (
    minute, identity_id, series_id, calls, input_cost_pico_usd, cache_read_cost_pico_usd, cache_write_cost_pico_usd,
    output_cost_pico_usd, other_cost_pico_usd, wasted_cost_pico_usd, unpriced_calls, uncertain_calls,
    error_without_usage_calls
)
SELECT
    (floor(extract(epoch FROM b.time))::bigint - 946684800) / 60, b.identity_id, b.series_id, 0,
    g.sign * b.input_cost_pico_usd, g.sign * b.cache_read_cost_pico_usd, g.sign * b.cache_write_cost_pico_usd,
    g.sign * b.output_cost_pico_usd, g.sign * b.other_cost_pico_usd, g.sign * b.wasted_cost_pico_usd,
    g.sign * b.unpriced_calls, g.sign * b.uncertain_calls, g.sign * b.error_without_usage_calls
FROM (SELECT %(sign)s::bigint AS sign) g, pg_temp.amended a
JOIN _genai.booked b ON b.time = a.time AND b.call_key = a.call_key
WHERE b.time >= %(first)s AND b.time <= %(last)s
