-- The differences of days whose hours are folded already. Parameters: floor of the hours, floor of the days, each
-- in its buckets since 2000.
INSERT INTO _genai.usage_identity_day AS u (
    bucket, identity_id, series_id,
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
    '2000-01-01 00:00:00+00'::timestamptz + s.slot * interval '24 hours' AS bucket, s.identity_id, s.line_id,
    coalesce(s.calls, 0), s.requests, s.successes, s.errors, s.cancelled, s.input_tokens, s.output_tokens,
    s.cache_read_tokens, s.cache_write_tokens, s.cache_write_1h_tokens, s.reasoning_tokens,
    s.input_audio_tokens, s.output_audio_tokens, s.input_image_tokens, s.output_image_tokens,
    s.input_cost_pico_usd, s.cache_read_cost_pico_usd, s.cache_write_cost_pico_usd, s.output_cost_pico_usd,
    s.other_cost_pico_usd, s.wasted_cost_pico_usd, s.unpriced_calls, s.uncertain_calls,
    s.error_without_usage_calls, s.latency_calls, s.latency_us_sum, s.latency_b00, s.latency_b01, s.latency_b02,
    s.latency_b03, s.latency_b04, s.latency_b05, s.latency_b06, s.latency_b07, s.latency_b08, s.latency_b09,
    s.latency_b10, s.latency_b11, s.latency_b12, s.latency_b13, s.latency_b14, s.latency_b15, s.latency_b16,
    s.latency_b17, s.latency_b18, s.latency_b19, s.latency_b20, s.latency_b21, s.latency_b22, s.latency_b23
FROM (
    SELECT
        d.minute / 1440 AS slot, d.identity_id, r.line_id,
        nullif(_genai.total(d.calls), 0) AS calls, nullif(_genai.total(d.requests), 0) AS requests,
        nullif(_genai.total(d.successes), 0) AS successes, nullif(_genai.total(d.errors), 0) AS errors,
        nullif(_genai.total(d.cancelled), 0) AS cancelled, nullif(_genai.total(d.input_tokens), 0) AS
        input_tokens, nullif(_genai.total(d.output_tokens), 0) AS output_tokens,
        nullif(_genai.total(d.cache_read_tokens), 0) AS cache_read_tokens,
        nullif(_genai.total(d.cache_write_tokens), 0) AS cache_write_tokens,
        nullif(_genai.total(d.cache_write_1h_tokens), 0) AS cache_write_1h_tokens,
        nullif(_genai.total(d.reasoning_tokens), 0) AS reasoning_tokens,
        nullif(_genai.total(d.input_audio_tokens), 0) AS input_audio_tokens,
        nullif(_genai.total(d.output_audio_tokens), 0) AS output_audio_tokens,
        nullif(_genai.total(d.input_image_tokens), 0) AS input_image_tokens,
        nullif(_genai.total(d.output_image_tokens), 0) AS output_image_tokens,
        nullif(_genai.total(d.input_cost_pico_usd), 0) AS input_cost_pico_usd,
        nullif(_genai.total(d.cache_read_cost_pico_usd), 0) AS cache_read_cost_pico_usd,
        nullif(_genai.total(d.cache_write_cost_pico_usd), 0) AS cache_write_cost_pico_usd,
        nullif(_genai.total(d.output_cost_pico_usd), 0) AS output_cost_pico_usd,
        nullif(_genai.total(d.other_cost_pico_usd), 0) AS other_cost_pico_usd,
        nullif(_genai.total(d.wasted_cost_pico_usd), 0) AS wasted_cost_pico_usd,
        nullif(_genai.total(d.unpriced_calls), 0) AS unpriced_calls, nullif(_genai.total(d.uncertain_calls), 0)
        AS uncertain_calls, nullif(_genai.total(d.error_without_usage_calls), 0) AS error_without_usage_calls,
        nullif(_genai.total(d.latency_calls), 0) AS latency_calls, nullif(_genai.total(d.latency_us_sum), 0) AS
        latency_us_sum, nullif(_genai.total(d.latency_b00), 0) AS latency_b00,
        nullif(_genai.total(d.latency_b01), 0) AS latency_b01, nullif(_genai.total(d.latency_b02), 0) AS
        latency_b02, nullif(_genai.total(d.latency_b03), 0) AS latency_b03, nullif(_genai.total(d.latency_b04),
        0) AS latency_b04, nullif(_genai.total(d.latency_b05), 0) AS latency_b05,
        nullif(_genai.total(d.latency_b06), 0) AS latency_b06, nullif(_genai.total(d.latency_b07), 0) AS
        latency_b07, nullif(_genai.total(d.latency_b08), 0) AS latency_b08, nullif(_genai.total(d.latency_b09),
        0) AS latency_b09, nullif(_genai.total(d.latency_b10), 0) AS latency_b10,
        nullif(_genai.total(d.latency_b11), 0) AS latency_b11, nullif(_genai.total(d.latency_b12), 0) AS
        latency_b12, nullif(_genai.total(d.latency_b13), 0) AS latency_b13, nullif(_genai.total(d.latency_b14),
        0) AS latency_b14, nullif(_genai.total(d.latency_b15), 0) AS latency_b15,
        nullif(_genai.total(d.latency_b16), 0) AS latency_b16, nullif(_genai.total(d.latency_b17), 0) AS
        latency_b17, nullif(_genai.total(d.latency_b18), 0) AS latency_b18, nullif(_genai.total(d.latency_b19),
        0) AS latency_b19, nullif(_genai.total(d.latency_b20), 0) AS latency_b20,
        nullif(_genai.total(d.latency_b21), 0) AS latency_b21, nullif(_genai.total(d.latency_b22), 0) AS
        latency_b22, nullif(_genai.total(d.latency_b23), 0) AS latency_b23
    FROM pg_temp.delta d JOIN _genai.series r ON r.id = d.series_id
    WHERE d.minute / 60 < %s::integer AND d.minute / 1440 >= %s::integer
    GROUP BY d.minute / 1440, d.identity_id, r.line_id
) s
WHERE NOT (ROW(
    s.calls, s.requests, s.successes, s.errors, s.cancelled, s.input_tokens, s.output_tokens,
    s.cache_read_tokens, s.cache_write_tokens, s.cache_write_1h_tokens, s.reasoning_tokens,
    s.input_audio_tokens, s.output_audio_tokens, s.input_image_tokens, s.output_image_tokens,
    s.input_cost_pico_usd, s.cache_read_cost_pico_usd, s.cache_write_cost_pico_usd, s.output_cost_pico_usd,
    s.other_cost_pico_usd, s.wasted_cost_pico_usd, s.unpriced_calls, s.uncertain_calls,
    s.error_without_usage_calls, s.latency_calls, s.latency_us_sum, s.latency_b00, s.latency_b01, s.latency_b02,
    s.latency_b03, s.latency_b04, s.latency_b05, s.latency_b06, s.latency_b07, s.latency_b08, s.latency_b09,
    s.latency_b10, s.latency_b11, s.latency_b12, s.latency_b13, s.latency_b14, s.latency_b15, s.latency_b16,
    s.latency_b17, s.latency_b18, s.latency_b19, s.latency_b20, s.latency_b21, s.latency_b22, s.latency_b23
) IS NULL)
ORDER BY s.slot, s.identity_id, s.line_id
ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    requests = coalesce(u.requests + excluded.requests, u.requests, excluded.requests),
    successes = coalesce(u.successes + excluded.successes, u.successes, excluded.successes),
    errors = coalesce(u.errors + excluded.errors, u.errors, excluded.errors),
    cancelled = coalesce(u.cancelled + excluded.cancelled, u.cancelled, excluded.cancelled),
    input_tokens = coalesce(u.input_tokens + excluded.input_tokens, u.input_tokens, excluded.input_tokens),
    output_tokens = coalesce(u.output_tokens + excluded.output_tokens, u.output_tokens, excluded.output_tokens),
    cache_read_tokens = coalesce(u.cache_read_tokens + excluded.cache_read_tokens, u.cache_read_tokens, excluded.cache_read_tokens),
    cache_write_tokens = coalesce(u.cache_write_tokens + excluded.cache_write_tokens, u.cache_write_tokens, excluded.cache_write_tokens),
    cache_write_1h_tokens = coalesce(u.cache_write_1h_tokens + excluded.cache_write_1h_tokens, u.cache_write_1h_tokens, excluded.cache_write_1h_tokens),
    reasoning_tokens = coalesce(u.reasoning_tokens + excluded.reasoning_tokens, u.reasoning_tokens, excluded.reasoning_tokens),
    input_audio_tokens = coalesce(u.input_audio_tokens + excluded.input_audio_tokens, u.input_audio_tokens, excluded.input_audio_tokens),
    output_audio_tokens = coalesce(u.output_audio_tokens + excluded.output_audio_tokens, u.output_audio_tokens, excluded.output_audio_tokens),
    input_image_tokens = coalesce(u.input_image_tokens + excluded.input_image_tokens, u.input_image_tokens, excluded.input_image_tokens),
    output_image_tokens = coalesce(u.output_image_tokens + excluded.output_image_tokens, u.output_image_tokens, excluded.output_image_tokens),
    input_cost_pico_usd = coalesce(u.input_cost_pico_usd + excluded.input_cost_pico_usd, u.input_cost_pico_usd, excluded.input_cost_pico_usd),
    cache_read_cost_pico_usd = coalesce(u.cache_read_cost_pico_usd + excluded.cache_read_cost_pico_usd, u.cache_read_cost_pico_usd, excluded.cache_read_cost_pico_usd),
    cache_write_cost_pico_usd = coalesce(u.cache_write_cost_pico_usd + excluded.cache_write_cost_pico_usd, u.cache_write_cost_pico_usd, excluded.cache_write_cost_pico_usd),
    output_cost_pico_usd = coalesce(u.output_cost_pico_usd + excluded.output_cost_pico_usd, u.output_cost_pico_usd, excluded.output_cost_pico_usd),
    other_cost_pico_usd = coalesce(u.other_cost_pico_usd + excluded.other_cost_pico_usd, u.other_cost_pico_usd, excluded.other_cost_pico_usd),
    wasted_cost_pico_usd = coalesce(u.wasted_cost_pico_usd + excluded.wasted_cost_pico_usd, u.wasted_cost_pico_usd, excluded.wasted_cost_pico_usd),
    unpriced_calls = coalesce(u.unpriced_calls + excluded.unpriced_calls, u.unpriced_calls, excluded.unpriced_calls),
    uncertain_calls = coalesce(u.uncertain_calls + excluded.uncertain_calls, u.uncertain_calls, excluded.uncertain_calls),
    error_without_usage_calls = coalesce(u.error_without_usage_calls + excluded.error_without_usage_calls, u.error_without_usage_calls, excluded.error_without_usage_calls),
    latency_calls = coalesce(u.latency_calls + excluded.latency_calls, u.latency_calls, excluded.latency_calls),
    latency_us_sum = coalesce(u.latency_us_sum + excluded.latency_us_sum, u.latency_us_sum, excluded.latency_us_sum),
    latency_b00 = coalesce(u.latency_b00 + excluded.latency_b00, u.latency_b00, excluded.latency_b00),
    latency_b01 = coalesce(u.latency_b01 + excluded.latency_b01, u.latency_b01, excluded.latency_b01),
    latency_b02 = coalesce(u.latency_b02 + excluded.latency_b02, u.latency_b02, excluded.latency_b02),
    latency_b03 = coalesce(u.latency_b03 + excluded.latency_b03, u.latency_b03, excluded.latency_b03),
    latency_b04 = coalesce(u.latency_b04 + excluded.latency_b04, u.latency_b04, excluded.latency_b04),
    latency_b05 = coalesce(u.latency_b05 + excluded.latency_b05, u.latency_b05, excluded.latency_b05),
    latency_b06 = coalesce(u.latency_b06 + excluded.latency_b06, u.latency_b06, excluded.latency_b06),
    latency_b07 = coalesce(u.latency_b07 + excluded.latency_b07, u.latency_b07, excluded.latency_b07),
    latency_b08 = coalesce(u.latency_b08 + excluded.latency_b08, u.latency_b08, excluded.latency_b08),
    latency_b09 = coalesce(u.latency_b09 + excluded.latency_b09, u.latency_b09, excluded.latency_b09),
    latency_b10 = coalesce(u.latency_b10 + excluded.latency_b10, u.latency_b10, excluded.latency_b10),
    latency_b11 = coalesce(u.latency_b11 + excluded.latency_b11, u.latency_b11, excluded.latency_b11),
    latency_b12 = coalesce(u.latency_b12 + excluded.latency_b12, u.latency_b12, excluded.latency_b12),
    latency_b13 = coalesce(u.latency_b13 + excluded.latency_b13, u.latency_b13, excluded.latency_b13),
    latency_b14 = coalesce(u.latency_b14 + excluded.latency_b14, u.latency_b14, excluded.latency_b14),
    latency_b15 = coalesce(u.latency_b15 + excluded.latency_b15, u.latency_b15, excluded.latency_b15),
    latency_b16 = coalesce(u.latency_b16 + excluded.latency_b16, u.latency_b16, excluded.latency_b16),
    latency_b17 = coalesce(u.latency_b17 + excluded.latency_b17, u.latency_b17, excluded.latency_b17),
    latency_b18 = coalesce(u.latency_b18 + excluded.latency_b18, u.latency_b18, excluded.latency_b18),
    latency_b19 = coalesce(u.latency_b19 + excluded.latency_b19, u.latency_b19, excluded.latency_b19),
    latency_b20 = coalesce(u.latency_b20 + excluded.latency_b20, u.latency_b20, excluded.latency_b20),
    latency_b21 = coalesce(u.latency_b21 + excluded.latency_b21, u.latency_b21, excluded.latency_b21),
    latency_b22 = coalesce(u.latency_b22 + excluded.latency_b22, u.latency_b22, excluded.latency_b22),
    latency_b23 = coalesce(u.latency_b23 + excluded.latency_b23, u.latency_b23, excluded.latency_b23)
