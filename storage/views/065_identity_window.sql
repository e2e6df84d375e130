-- Exact windows by identity: whole days from the folded days, whole hours, the ragged rest from rows.

CREATE FUNCTION genai.identity_cut(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (from_used timestamptz, to_used timestamptz, days_from timestamptz, days_to timestamptz,
    hours_from timestamptz, hours_to timestamptz)
LANGUAGE sql STABLE AS $$
    WITH floors AS MATERIALIZED (
        SELECT
            max(f.time) FILTER (WHERE f.level = 'raw') AS raw,
            max(f.time) FILTER (WHERE f.level = 'identity_hour') AS hour,
            max(f.time) FILTER (WHERE f.level = 'identity_day') AS day
        FROM genai.floor f
    ), used AS MATERIALIZED (
        SELECT
            CASE
                WHEN from_time < f.day THEN f.day
                WHEN from_time >= f.raw THEN from_time
                WHEN date_bin('1 hour', from_time, 'epoch') >= f.hour THEN date_bin('1 hour', from_time, 'epoch')
                ELSE date_bin('1 day', from_time, 'epoch')
            END AS from_used,
            CASE
                WHEN date_bin('1 hour', to_time, 'epoch') >= f.raw THEN to_time
                WHEN date_bin('1 day', to_time, 'epoch') >= f.hour
                    THEN date_bin('1 hour', to_time + interval '3599.999999 seconds', 'epoch')
                ELSE date_bin('1 day', to_time + interval '86399.999999 seconds', 'epoch')
            END AS to_used,
            f.hour
        FROM floors f
    ), whole AS MATERIALIZED (
        SELECT u.from_used, greatest(u.from_used, u.to_used) AS to_used, u.hour,
            date_bin('1 hour', u.from_used + interval '3599.999999 seconds', 'epoch') AS hour_up,
            date_bin('1 hour', greatest(u.from_used, u.to_used), 'epoch') AS hour_down,
            date_bin('1 day', u.from_used + interval '86399.999999 seconds', 'epoch') AS day_up,
            date_bin('1 day', greatest(u.from_used, u.to_used), 'epoch') AS day_down
        FROM used u
    )
    -- rows [from_used, days_from), days [days_from, days_to), rows [days_to, hours_from), hours [hours_from, hours_to),
    -- rows [hours_to, to_used). Hours below their floor exist as days only: a part of such a day comes from rows.
    SELECT w.from_used, w.to_used, d.days_from, d.days_to, h.hours_from,
        CASE WHEN h.hours_from <= w.hour_down THEN w.hour_down ELSE h.hours_from END
    FROM whole w
    CROSS JOIN LATERAL (
        SELECT least(w.day_up, d.end_of_days) AS days_from, d.end_of_days AS days_to
        FROM (SELECT CASE
            WHEN w.day_up < least(w.hour, w.day_down) THEN least(w.hour, w.day_down) ELSE w.from_used END
            AS end_of_days) d
    ) d
    CROSS JOIN LATERAL (
        SELECT least(w.to_used, greatest(w.hour, w.hour_up, d.days_to)) AS hours_from
    ) h
$$;

-- Usage of [from_time, to_time) by identity. `endpoint_tag` is NULL where only folded days are left.
CREATE FUNCTION genai.identity_window(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (
    environment text, data_mode text, tenant_id text, user_id text, endpoint_tag text, provider text,
    model text, calls bigint, requests bigint, successes bigint, errors bigint, cancelled bigint,
    input_tokens bigint, output_tokens bigint, cache_read_tokens bigint, cache_write_tokens bigint,
    cache_write_1h_tokens bigint, reasoning_tokens bigint, input_audio_tokens bigint,
    output_audio_tokens bigint, input_image_tokens bigint, output_image_tokens bigint, cost_pico_usd bigint,
    input_cost_pico_usd bigint, cache_read_cost_pico_usd bigint, cache_write_cost_pico_usd bigint,
    output_cost_pico_usd bigint, other_cost_pico_usd bigint, wasted_cost_pico_usd bigint,
    unpriced_calls bigint, uncertain_calls bigint, error_without_usage_calls bigint, latency_calls bigint,
    latency_us_sum bigint, latency_b00 bigint, latency_b01 bigint, latency_b02 bigint, latency_b03 bigint,
    latency_b04 bigint, latency_b05 bigint, latency_b06 bigint, latency_b07 bigint, latency_b08 bigint,
    latency_b09 bigint, latency_b10 bigint, latency_b11 bigint, latency_b12 bigint, latency_b13 bigint,
    latency_b14 bigint, latency_b15 bigint, latency_b16 bigint, latency_b17 bigint, latency_b18 bigint,
    latency_b19 bigint, latency_b20 bigint, latency_b21 bigint, latency_b22 bigint, latency_b23 bigint
)
LANGUAGE sql STABLE AS $$
    WITH cut AS MATERIALIZED (SELECT * FROM genai.identity_cut(from_time, to_time))
    SELECT u.environment, u.data_mode, u.tenant_id, u.user_id, u.endpoint_tag, u.provider, u.model, u.calls,
        u.requests, u.successes, u.errors, u.cancelled, u.input_tokens, u.output_tokens, u.cache_read_tokens,
        u.cache_write_tokens, u.cache_write_1h_tokens, u.reasoning_tokens, u.input_audio_tokens,
        u.output_audio_tokens, u.input_image_tokens, u.output_image_tokens, u.cost_pico_usd,
        u.input_cost_pico_usd, u.cache_read_cost_pico_usd, u.cache_write_cost_pico_usd,
        u.output_cost_pico_usd, u.other_cost_pico_usd, u.wasted_cost_pico_usd, u.unpriced_calls,
        u.uncertain_calls, u.error_without_usage_calls, u.latency_calls, u.latency_us_sum, u.latency_b00,
        u.latency_b01, u.latency_b02, u.latency_b03, u.latency_b04, u.latency_b05, u.latency_b06,
        u.latency_b07, u.latency_b08, u.latency_b09, u.latency_b10, u.latency_b11, u.latency_b12,
        u.latency_b13, u.latency_b14, u.latency_b15, u.latency_b16, u.latency_b17, u.latency_b18,
        u.latency_b19, u.latency_b20, u.latency_b21, u.latency_b22, u.latency_b23
    FROM genai.usage_identity u
    WHERE u.bucket >= (SELECT c.hours_from FROM cut c) AND u.bucket < (SELECT c.hours_to FROM cut c)
        AND u.bucket >= date_bin('1 hour', from_time, 'epoch') AND u.bucket < to_time + interval '1 hour'
    UNION ALL
    SELECT u.environment, u.data_mode, u.tenant_id, u.user_id, NULL::text, u.provider, u.model, u.calls,
        u.requests, u.successes, u.errors, u.cancelled, u.input_tokens, u.output_tokens, u.cache_read_tokens,
        u.cache_write_tokens, u.cache_write_1h_tokens, u.reasoning_tokens, u.input_audio_tokens,
        u.output_audio_tokens, u.input_image_tokens, u.output_image_tokens, u.cost_pico_usd,
        u.input_cost_pico_usd, u.cache_read_cost_pico_usd, u.cache_write_cost_pico_usd,
        u.output_cost_pico_usd, u.other_cost_pico_usd, u.wasted_cost_pico_usd, u.unpriced_calls,
        u.uncertain_calls, u.error_without_usage_calls, u.latency_calls, u.latency_us_sum, u.latency_b00,
        u.latency_b01, u.latency_b02, u.latency_b03, u.latency_b04, u.latency_b05, u.latency_b06,
        u.latency_b07, u.latency_b08, u.latency_b09, u.latency_b10, u.latency_b11, u.latency_b12,
        u.latency_b13, u.latency_b14, u.latency_b15, u.latency_b16, u.latency_b17, u.latency_b18,
        u.latency_b19, u.latency_b20, u.latency_b21, u.latency_b22, u.latency_b23
    FROM genai.usage_identity_day u
    WHERE u.bucket >= (SELECT c.days_from FROM cut c) AND u.bucket < (SELECT c.days_to FROM cut c)
    UNION ALL
    SELECT u.environment, u.data_mode, u.tenant_id, u.user_id, u.endpoint_tag, u.provider, u.model, u.calls,
        u.requests, u.successes, u.errors, u.cancelled, u.input_tokens, u.output_tokens, u.cache_read_tokens,
        u.cache_write_tokens, u.cache_write_1h_tokens, u.reasoning_tokens, u.input_audio_tokens,
        u.output_audio_tokens, u.input_image_tokens, u.output_image_tokens, u.cost_pico_usd,
        u.input_cost_pico_usd, u.cache_read_cost_pico_usd, u.cache_write_cost_pico_usd,
        u.output_cost_pico_usd, u.other_cost_pico_usd, u.wasted_cost_pico_usd, u.unpriced_calls,
        u.uncertain_calls, u.error_without_usage_calls, u.latency_calls, u.latency_us_sum, u.latency_b00,
        u.latency_b01, u.latency_b02, u.latency_b03, u.latency_b04, u.latency_b05, u.latency_b06,
        u.latency_b07, u.latency_b08, u.latency_b09, u.latency_b10, u.latency_b11, u.latency_b12,
        u.latency_b13, u.latency_b14, u.latency_b15, u.latency_b16, u.latency_b17, u.latency_b18,
        u.latency_b19, u.latency_b20, u.latency_b21, u.latency_b22, u.latency_b23
    FROM genai.usage_call u
    WHERE u.bucket >= (SELECT c.from_used FROM cut c) AND u.bucket < (SELECT c.days_from FROM cut c)
    UNION ALL
    SELECT u.environment, u.data_mode, u.tenant_id, u.user_id, u.endpoint_tag, u.provider, u.model, u.calls,
        u.requests, u.successes, u.errors, u.cancelled, u.input_tokens, u.output_tokens, u.cache_read_tokens,
        u.cache_write_tokens, u.cache_write_1h_tokens, u.reasoning_tokens, u.input_audio_tokens,
        u.output_audio_tokens, u.input_image_tokens, u.output_image_tokens, u.cost_pico_usd,
        u.input_cost_pico_usd, u.cache_read_cost_pico_usd, u.cache_write_cost_pico_usd,
        u.output_cost_pico_usd, u.other_cost_pico_usd, u.wasted_cost_pico_usd, u.unpriced_calls,
        u.uncertain_calls, u.error_without_usage_calls, u.latency_calls, u.latency_us_sum, u.latency_b00,
        u.latency_b01, u.latency_b02, u.latency_b03, u.latency_b04, u.latency_b05, u.latency_b06,
        u.latency_b07, u.latency_b08, u.latency_b09, u.latency_b10, u.latency_b11, u.latency_b12,
        u.latency_b13, u.latency_b14, u.latency_b15, u.latency_b16, u.latency_b17, u.latency_b18,
        u.latency_b19, u.latency_b20, u.latency_b21, u.latency_b22, u.latency_b23
    FROM genai.usage_call u
    WHERE u.bucket >= (SELECT c.days_to FROM cut c) AND u.bucket < (SELECT c.hours_from FROM cut c)
    UNION ALL
    SELECT u.environment, u.data_mode, u.tenant_id, u.user_id, u.endpoint_tag, u.provider, u.model, u.calls,
        u.requests, u.successes, u.errors, u.cancelled, u.input_tokens, u.output_tokens, u.cache_read_tokens,
        u.cache_write_tokens, u.cache_write_1h_tokens, u.reasoning_tokens, u.input_audio_tokens,
        u.output_audio_tokens, u.input_image_tokens, u.output_image_tokens, u.cost_pico_usd,
        u.input_cost_pico_usd, u.cache_read_cost_pico_usd, u.cache_write_cost_pico_usd,
        u.output_cost_pico_usd, u.other_cost_pico_usd, u.wasted_cost_pico_usd, u.unpriced_calls,
        u.uncertain_calls, u.error_without_usage_calls, u.latency_calls, u.latency_us_sum, u.latency_b00,
        u.latency_b01, u.latency_b02, u.latency_b03, u.latency_b04, u.latency_b05, u.latency_b06,
        u.latency_b07, u.latency_b08, u.latency_b09, u.latency_b10, u.latency_b11, u.latency_b12,
        u.latency_b13, u.latency_b14, u.latency_b15, u.latency_b16, u.latency_b17, u.latency_b18,
        u.latency_b19, u.latency_b20, u.latency_b21, u.latency_b22, u.latency_b23
    FROM genai.usage_call u
    WHERE u.bucket >= (SELECT c.hours_to FROM cut c) AND u.bucket < (SELECT c.to_used FROM cut c)
$$;
