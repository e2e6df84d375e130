-- Calls of days whose hours are folded already. Parameters: floor of the hours, floor of the days,
-- each in its buckets since 2000.
INSERT INTO _genai.usage_identity_day AS u (
    bucket, identity_id, series_id,
    {calls..latency_b23: #}
)
SELECT
    '2000-01-01 00:00:00+00'::timestamptz + (s.minute / 1440) * interval '24 hours' AS bucket,
    s.booked_identity_id, d.line_id,
    count(*) AS calls, nullif(sum(s.requests), 0) AS requests,
    nullif(count(*) FILTER (WHERE s.status = 1), 0) AS successes,
    nullif(count(*) FILTER (WHERE s.status = 2), 0) AS errors,
    nullif(count(*) FILTER (WHERE s.status = 3), 0) AS cancelled,
    {input_tokens..output_image_tokens: nullif(sum(s.#), 0) AS #},
    nullif(_genai.total(s.input_cost_pico_usd), 0) AS input_cost_pico_usd,
    nullif(_genai.total(s.cache_read_cost_pico_usd), 0) AS cache_read_cost_pico_usd,
    nullif(_genai.total(s.cache_write_cost_pico_usd), 0) AS cache_write_cost_pico_usd,
    nullif(_genai.total(s.output_cost_pico_usd), 0) AS output_cost_pico_usd,
    nullif(_genai.total(s.other_cost_pico_usd), 0) AS other_cost_pico_usd,
    nullif(_genai.total(s.cost_pico_usd) FILTER (WHERE s.status <> 1), 0) AS wasted_cost_pico_usd,
    nullif(count(*) FILTER (WHERE s.price_status = 4), 0) AS unpriced_calls,
    nullif(count(*) FILTER (WHERE s.price_status IN (3, 5, 6) OR s.flags & 8192 <> 0), 0) AS uncertain_calls,
    nullif(count(*) FILTER (WHERE s.price_status = 7), 0) AS error_without_usage_calls,
    nullif(count(s.latency_us), 0) AS latency_calls, nullif(_genai.total(s.latency_us), 0) AS latency_us_sum,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 0), 0) AS latency_b00,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 1), 0) AS latency_b01,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 2), 0) AS latency_b02,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 3), 0) AS latency_b03,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 4), 0) AS latency_b04,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 5), 0) AS latency_b05,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 6), 0) AS latency_b06,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 7), 0) AS latency_b07,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 8), 0) AS latency_b08,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 9), 0) AS latency_b09,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 10), 0) AS latency_b10,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 11), 0) AS latency_b11,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 12), 0) AS latency_b12,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 13), 0) AS latency_b13,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 14), 0) AS latency_b14,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 15), 0) AS latency_b15,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 16), 0) AS latency_b16,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 17), 0) AS latency_b17,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 18), 0) AS latency_b18,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 19), 0) AS latency_b19,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 20), 0) AS latency_b20,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 21), 0) AS latency_b21,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 22), 0) AS latency_b22,
    nullif(count(*) FILTER (WHERE s.latency_bucket = 23), 0) AS latency_b23
FROM pg_temp.staging s JOIN _genai.series d ON d.id = s.booked_series_id
WHERE s.minute / 60 < %s::integer AND s.minute / 1440 >= %s::integer
GROUP BY s.minute / 1440, s.booked_identity_id, d.line_id
ORDER BY s.minute / 1440, s.booked_identity_id, d.line_id
ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}
