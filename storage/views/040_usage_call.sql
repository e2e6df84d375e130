-- One row per call in the columns of the usage views: the ragged edges of exact windows (LEDGER §9).
CREATE VIEW genai.usage_call AS
SELECT
    u.time AS bucket,
    s.environment, s.data_mode, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model,
    i.tenant_id, i.user_id,
    u.calls,
    coalesce(u.requests, 0) AS requests, coalesce(u.successes, 0) AS successes,
    coalesce(u.errors, 0) AS errors, coalesce(u.cancelled, 0) AS cancelled,
    coalesce(u.input_tokens, 0) AS input_tokens, coalesce(u.output_tokens, 0) AS output_tokens,
    coalesce(u.cache_read_tokens, 0) AS cache_read_tokens,
    coalesce(u.cache_write_tokens, 0) AS cache_write_tokens,
    coalesce(u.cache_write_1h_tokens, 0) AS cache_write_1h_tokens,
    coalesce(u.reasoning_tokens, 0) AS reasoning_tokens,
    coalesce(u.input_audio_tokens, 0) AS input_audio_tokens,
    coalesce(u.output_audio_tokens, 0) AS output_audio_tokens,
    coalesce(u.input_image_tokens, 0) AS input_image_tokens,
    coalesce(u.output_image_tokens, 0) AS output_image_tokens,
    coalesce(u.input_cost_pico_usd, 0) + coalesce(u.cache_read_cost_pico_usd, 0)
        + coalesce(u.cache_write_cost_pico_usd, 0) + coalesce(u.output_cost_pico_usd, 0)
        + coalesce(u.other_cost_pico_usd, 0) AS cost_pico_usd,
    (coalesce(u.input_cost_pico_usd, 0) + coalesce(u.cache_read_cost_pico_usd, 0)
        + coalesce(u.cache_write_cost_pico_usd, 0) + coalesce(u.output_cost_pico_usd, 0)
        + coalesce(u.other_cost_pico_usd, 0)) * 1e-12 AS cost_usd,
    coalesce(u.input_cost_pico_usd, 0) AS input_cost_pico_usd,
    coalesce(u.cache_read_cost_pico_usd, 0) AS cache_read_cost_pico_usd,
    coalesce(u.cache_write_cost_pico_usd, 0) AS cache_write_cost_pico_usd,
    coalesce(u.output_cost_pico_usd, 0) AS output_cost_pico_usd,
    coalesce(u.other_cost_pico_usd, 0) AS other_cost_pico_usd,
    coalesce(u.wasted_cost_pico_usd, 0) AS wasted_cost_pico_usd,
    coalesce(u.unpriced_calls, 0) AS unpriced_calls, coalesce(u.uncertain_calls, 0) AS uncertain_calls,
    coalesce(u.error_without_usage_calls, 0) AS error_without_usage_calls,
    coalesce(u.latency_calls, 0) AS latency_calls, coalesce(u.latency_us_sum, 0) AS latency_us_sum,
    coalesce(u.latency_us_sum, 0) * 1e-3::double precision AS latency_ms_sum,
    coalesce(u.latency_b00, 0) AS latency_b00, coalesce(u.latency_b01, 0) AS latency_b01,
    coalesce(u.latency_b02, 0) AS latency_b02, coalesce(u.latency_b03, 0) AS latency_b03,
    coalesce(u.latency_b04, 0) AS latency_b04, coalesce(u.latency_b05, 0) AS latency_b05,
    coalesce(u.latency_b06, 0) AS latency_b06, coalesce(u.latency_b07, 0) AS latency_b07,
    coalesce(u.latency_b08, 0) AS latency_b08, coalesce(u.latency_b09, 0) AS latency_b09,
    coalesce(u.latency_b10, 0) AS latency_b10, coalesce(u.latency_b11, 0) AS latency_b11,
    coalesce(u.latency_b12, 0) AS latency_b12, coalesce(u.latency_b13, 0) AS latency_b13,
    coalesce(u.latency_b14, 0) AS latency_b14, coalesce(u.latency_b15, 0) AS latency_b15,
    coalesce(u.latency_b16, 0) AS latency_b16, coalesce(u.latency_b17, 0) AS latency_b17,
    coalesce(u.latency_b18, 0) AS latency_b18, coalesce(u.latency_b19, 0) AS latency_b19,
    coalesce(u.latency_b20, 0) AS latency_b20, coalesce(u.latency_b21, 0) AS latency_b21,
    coalesce(u.latency_b22, 0) AS latency_b22, coalesce(u.latency_b23, 0) AS latency_b23
FROM _genai.booked u
LEFT JOIN _genai.series s ON s.id = u.series_id
LEFT JOIN _genai.identity i ON i.id = u.identity_id
WHERE u.time >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw');
