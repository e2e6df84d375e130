-- As measure_amended, of what a new price can change and before it takes its place: minus what the rows are booked as
-- (view _genai.booked), plus what they will be. Their other measures stay. Parameters: first and last time.
INSERT INTO pg_temp.delta (
    minute, identity_id, series_id, calls, {input_cost_pico_usd..error_without_usage_calls: #}
)
SELECT
    (floor(extract(epoch FROM b.time))::bigint - 946684800) / 60, b.identity_id, b.series_id, 0,
    {input_cost_pico_usd..other_cost_pico_usd: coalesce(a.#, 0) - coalesce(b.#, 0)},
    CASE WHEN b.successes IS NULL THEN coalesce(a.cost_pico_usd, 0) ELSE 0 END - coalesce(b.wasted_cost_pico_usd, 0),
    CASE WHEN a.price_status = 4 THEN 1 ELSE 0 END - coalesce(b.unpriced_calls, 0),
    CASE WHEN a.price_status IN (3, 5, 6) OR a.flags & 8192 <> 0 THEN 1 ELSE 0 END - coalesce(b.uncertain_calls, 0),
    CASE WHEN a.price_status = 7 THEN 1 ELSE 0 END - coalesce(b.error_without_usage_calls, 0)
FROM pg_temp.amended a
JOIN _genai.booked b ON b.time = a.time AND b.call_key = a.call_key
WHERE b.time >= %(first)s AND b.time <= %(last)s
