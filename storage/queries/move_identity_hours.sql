-- Sums by identity and hour below the raw floor, where nobody writes, move to other identities; what already
-- stands there is added to. Parameters: ids, new (one for each).
WITH moved AS (
    DELETE FROM _genai.usage_identity_hour u
    USING unnest(%(ids)s::bigint[], %(new)s::bigint[]) AS o (id, new_id)
    WHERE u.identity_id = o.id AND u.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
    RETURNING u.*, o.new_id
)
INSERT INTO _genai.usage_identity_hour AS u (
    bucket, identity_id, series_id,
    calls, requests, successes, errors, cancelled, input_tokens, output_tokens, cache_read_tokens,
    cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens, output_audio_tokens,
    input_image_tokens, output_image_tokens, input_cost_pico_usd, cache_read_cost_pico_usd,
    cache_write_cost_pico_usd, output_cost_pico_usd, other_cost_pico_usd, wasted_cost_pico_usd,
    unpriced_calls, uncertain_calls, error_without_usage_calls, latency_calls, latency_us_sum, latency_b00,
    latency_b01, latency_b02, latency_b03, latency_b04, latency_b05, latency_b06, latency_b07, latency_b08,
    latency_b09, latency_b10, latency_b11, latency_b12, latency_b13, latency_b14, latency_b15, latency_b16,
    latency_b17, latency_b18, latency_b19, latency_b20, latency_b21, latency_b22, latency_b23
)
SELECT
    u.bucket, u.new_id, u.series_id,
    _genai.total(u.calls), _genai.total(u.requests), _genai.total(u.successes), _genai.total(u.errors),
    _genai.total(u.cancelled), _genai.total(u.input_tokens), _genai.total(u.output_tokens),
    _genai.total(u.cache_read_tokens), _genai.total(u.cache_write_tokens),
    _genai.total(u.cache_write_1h_tokens), _genai.total(u.reasoning_tokens),
    _genai.total(u.input_audio_tokens), _genai.total(u.output_audio_tokens),
    _genai.total(u.input_image_tokens), _genai.total(u.output_image_tokens),
    _genai.total(u.input_cost_pico_usd), _genai.total(u.cache_read_cost_pico_usd),
    _genai.total(u.cache_write_cost_pico_usd), _genai.total(u.output_cost_pico_usd),
    _genai.total(u.other_cost_pico_usd), _genai.total(u.wasted_cost_pico_usd),
    _genai.total(u.unpriced_calls), _genai.total(u.uncertain_calls),
    _genai.total(u.error_without_usage_calls), _genai.total(u.latency_calls), _genai.total(u.latency_us_sum),
    _genai.total(u.latency_b00), _genai.total(u.latency_b01), _genai.total(u.latency_b02),
    _genai.total(u.latency_b03), _genai.total(u.latency_b04), _genai.total(u.latency_b05),
    _genai.total(u.latency_b06), _genai.total(u.latency_b07), _genai.total(u.latency_b08),
    _genai.total(u.latency_b09), _genai.total(u.latency_b10), _genai.total(u.latency_b11),
    _genai.total(u.latency_b12), _genai.total(u.latency_b13), _genai.total(u.latency_b14),
    _genai.total(u.latency_b15), _genai.total(u.latency_b16), _genai.total(u.latency_b17),
    _genai.total(u.latency_b18), _genai.total(u.latency_b19), _genai.total(u.latency_b20),
    _genai.total(u.latency_b21), _genai.total(u.latency_b22), _genai.total(u.latency_b23)
FROM moved u
GROUP BY u.bucket, u.new_id, u.series_id
ORDER BY u.bucket, u.new_id, u.series_id
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
