-- What the rows being amended are booked as, by the one definition of it (view _genai.booked), with a sign: -1 before
-- they change, 1 after. A row that is merged into another is booked as nothing. Parameters: sign, first and last time.
INSERT INTO pg_temp.delta (
    minute, identity_id, series_id,
    calls, requests, successes, errors, cancelled, input_tokens, output_tokens, cache_read_tokens,
    cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens, output_audio_tokens,
    input_image_tokens, output_image_tokens, input_cost_pico_usd, cache_read_cost_pico_usd,
    cache_write_cost_pico_usd, output_cost_pico_usd, other_cost_pico_usd, wasted_cost_pico_usd, unpriced_calls,
    uncertain_calls, error_without_usage_calls, latency_calls, latency_us_sum, latency_b00, latency_b01,
    latency_b02, latency_b03, latency_b04, latency_b05, latency_b06, latency_b07, latency_b08, latency_b09,
    latency_b10, latency_b11, latency_b12, latency_b13, latency_b14, latency_b15, latency_b16, latency_b17,
    latency_b18, latency_b19, latency_b20, latency_b21, latency_b22, latency_b23
)
SELECT
    (floor(extract(epoch FROM b.time))::bigint - 946684800) / 60, b.identity_id, b.series_id,
    g.sign * b.calls, g.sign * b.requests, g.sign * b.successes, g.sign * b.errors, g.sign * b.cancelled, g.sign
    * b.input_tokens, g.sign * b.output_tokens, g.sign * b.cache_read_tokens, g.sign * b.cache_write_tokens,
    g.sign * b.cache_write_1h_tokens, g.sign * b.reasoning_tokens, g.sign * b.input_audio_tokens, g.sign *
    b.output_audio_tokens, g.sign * b.input_image_tokens, g.sign * b.output_image_tokens, g.sign *
    b.input_cost_pico_usd, g.sign * b.cache_read_cost_pico_usd, g.sign * b.cache_write_cost_pico_usd, g.sign *
    b.output_cost_pico_usd, g.sign * b.other_cost_pico_usd, g.sign * b.wasted_cost_pico_usd, g.sign *
    b.unpriced_calls, g.sign * b.uncertain_calls, g.sign * b.error_without_usage_calls, g.sign *
    b.latency_calls, g.sign * b.latency_us_sum, g.sign * b.latency_b00, g.sign * b.latency_b01, g.sign *
    b.latency_b02, g.sign * b.latency_b03, g.sign * b.latency_b04, g.sign * b.latency_b05, g.sign *
    b.latency_b06, g.sign * b.latency_b07, g.sign * b.latency_b08, g.sign * b.latency_b09, g.sign *
    b.latency_b10, g.sign * b.latency_b11, g.sign * b.latency_b12, g.sign * b.latency_b13, g.sign *
    b.latency_b14, g.sign * b.latency_b15, g.sign * b.latency_b16, g.sign * b.latency_b17, g.sign *
    b.latency_b18, g.sign * b.latency_b19, g.sign * b.latency_b20, g.sign * b.latency_b21, g.sign *
    b.latency_b22, g.sign * b.latency_b23
FROM (SELECT %(sign)s::bigint AS sign) g, pg_temp.amended a
JOIN _genai.booked b ON b.time = a.time AND b.call_key = a.call_key
WHERE b.time >= %(first)s AND b.time <= %(last)s
