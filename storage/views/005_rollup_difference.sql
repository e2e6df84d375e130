-- Rollup = rows, always (LEDGER §9, §11): where the two differ, one line per level, bucket and ids, with what the
-- rows have more. One statement, so one snapshot. Only buckets that lie wholly in [from_time, to_time) and above
-- the floors of both sides are compared; give whole days to have every level compared.

DROP FUNCTION IF EXISTS _genai.rollup_difference(timestamptz, timestamptz);

CREATE FUNCTION _genai.rollup_difference(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (level text, bucket timestamptz, series_id bigint, identity_id bigint, difference jsonb)
LANGUAGE sql STABLE AS $$
    WITH booked AS MATERIALIZED (
        SELECT b.* FROM _genai.booked b WHERE b.time >= from_time AND b.time < to_time
    ), both_sides AS (
        SELECT 'minute' AS level, date_bin('1 minute', b.time, 'epoch') AS bucket, b.series_id AS series_id,
            0::bigint AS identity_id,
            b.calls, b.requests, b.successes, b.errors, b.cancelled, b.input_tokens, b.output_tokens,
            b.cache_read_tokens, b.cache_write_tokens, b.cache_write_1h_tokens, b.reasoning_tokens,
            b.input_audio_tokens, b.output_audio_tokens, b.input_image_tokens, b.output_image_tokens,
            b.input_cost_pico_usd, b.cache_read_cost_pico_usd, b.cache_write_cost_pico_usd,
            b.output_cost_pico_usd, b.other_cost_pico_usd, b.wasted_cost_pico_usd, b.unpriced_calls,
            b.uncertain_calls, b.error_without_usage_calls, b.latency_calls, b.latency_us_sum, b.latency_b00,
            b.latency_b01, b.latency_b02, b.latency_b03, b.latency_b04, b.latency_b05, b.latency_b06,
            b.latency_b07, b.latency_b08, b.latency_b09, b.latency_b10, b.latency_b11, b.latency_b12,
            b.latency_b13, b.latency_b14, b.latency_b15, b.latency_b16, b.latency_b17, b.latency_b18,
            b.latency_b19, b.latency_b20, b.latency_b21, b.latency_b22, b.latency_b23
        FROM booked b
        UNION ALL
        SELECT 'minute', u.bucket, u.series_id, 0,
            -u.calls, -u.requests, -u.successes, -u.errors, -u.cancelled, -u.input_tokens, -u.output_tokens,
            -u.cache_read_tokens, -u.cache_write_tokens, -u.cache_write_1h_tokens, -u.reasoning_tokens,
            -u.input_audio_tokens, -u.output_audio_tokens, -u.input_image_tokens, -u.output_image_tokens,
            -u.input_cost_pico_usd, -u.cache_read_cost_pico_usd, -u.cache_write_cost_pico_usd,
            -u.output_cost_pico_usd, -u.other_cost_pico_usd, -u.wasted_cost_pico_usd, -u.unpriced_calls,
            -u.uncertain_calls, -u.error_without_usage_calls, -u.latency_calls, -u.latency_us_sum,
            -u.latency_b00, -u.latency_b01, -u.latency_b02, -u.latency_b03, -u.latency_b04, -u.latency_b05,
            -u.latency_b06, -u.latency_b07, -u.latency_b08, -u.latency_b09, -u.latency_b10, -u.latency_b11,
            -u.latency_b12, -u.latency_b13, -u.latency_b14, -u.latency_b15, -u.latency_b16, -u.latency_b17,
            -u.latency_b18, -u.latency_b19, -u.latency_b20, -u.latency_b21, -u.latency_b22, -u.latency_b23
        FROM _genai.usage_minute u WHERE u.bucket >= from_time AND u.bucket < to_time
        UNION ALL
        SELECT 'hour' AS level, date_bin('1 hour', b.time, 'epoch') AS bucket, b.series_id AS series_id,
            0::bigint AS identity_id,
            b.calls, b.requests, b.successes, b.errors, b.cancelled, b.input_tokens, b.output_tokens,
            b.cache_read_tokens, b.cache_write_tokens, b.cache_write_1h_tokens, b.reasoning_tokens,
            b.input_audio_tokens, b.output_audio_tokens, b.input_image_tokens, b.output_image_tokens,
            b.input_cost_pico_usd, b.cache_read_cost_pico_usd, b.cache_write_cost_pico_usd,
            b.output_cost_pico_usd, b.other_cost_pico_usd, b.wasted_cost_pico_usd, b.unpriced_calls,
            b.uncertain_calls, b.error_without_usage_calls, b.latency_calls, b.latency_us_sum, b.latency_b00,
            b.latency_b01, b.latency_b02, b.latency_b03, b.latency_b04, b.latency_b05, b.latency_b06,
            b.latency_b07, b.latency_b08, b.latency_b09, b.latency_b10, b.latency_b11, b.latency_b12,
            b.latency_b13, b.latency_b14, b.latency_b15, b.latency_b16, b.latency_b17, b.latency_b18,
            b.latency_b19, b.latency_b20, b.latency_b21, b.latency_b22, b.latency_b23
        FROM booked b
        UNION ALL
        SELECT 'hour', u.bucket, u.series_id, 0,
            -u.calls, -u.requests, -u.successes, -u.errors, -u.cancelled, -u.input_tokens, -u.output_tokens,
            -u.cache_read_tokens, -u.cache_write_tokens, -u.cache_write_1h_tokens, -u.reasoning_tokens,
            -u.input_audio_tokens, -u.output_audio_tokens, -u.input_image_tokens, -u.output_image_tokens,
            -u.input_cost_pico_usd, -u.cache_read_cost_pico_usd, -u.cache_write_cost_pico_usd,
            -u.output_cost_pico_usd, -u.other_cost_pico_usd, -u.wasted_cost_pico_usd, -u.unpriced_calls,
            -u.uncertain_calls, -u.error_without_usage_calls, -u.latency_calls, -u.latency_us_sum,
            -u.latency_b00, -u.latency_b01, -u.latency_b02, -u.latency_b03, -u.latency_b04, -u.latency_b05,
            -u.latency_b06, -u.latency_b07, -u.latency_b08, -u.latency_b09, -u.latency_b10, -u.latency_b11,
            -u.latency_b12, -u.latency_b13, -u.latency_b14, -u.latency_b15, -u.latency_b16, -u.latency_b17,
            -u.latency_b18, -u.latency_b19, -u.latency_b20, -u.latency_b21, -u.latency_b22, -u.latency_b23
        FROM _genai.usage_hour u WHERE u.bucket >= from_time AND u.bucket < to_time
        UNION ALL
        SELECT 'identity_hour' AS level, date_bin('1 hour', b.time, 'epoch') AS bucket, s.facet_id AS series_id,
            b.identity_id AS identity_id,
            b.calls, b.requests, b.successes, b.errors, b.cancelled, b.input_tokens, b.output_tokens,
            b.cache_read_tokens, b.cache_write_tokens, b.cache_write_1h_tokens, b.reasoning_tokens,
            b.input_audio_tokens, b.output_audio_tokens, b.input_image_tokens, b.output_image_tokens,
            b.input_cost_pico_usd, b.cache_read_cost_pico_usd, b.cache_write_cost_pico_usd,
            b.output_cost_pico_usd, b.other_cost_pico_usd, b.wasted_cost_pico_usd, b.unpriced_calls,
            b.uncertain_calls, b.error_without_usage_calls, b.latency_calls, b.latency_us_sum, b.latency_b00,
            b.latency_b01, b.latency_b02, b.latency_b03, b.latency_b04, b.latency_b05, b.latency_b06,
            b.latency_b07, b.latency_b08, b.latency_b09, b.latency_b10, b.latency_b11, b.latency_b12,
            b.latency_b13, b.latency_b14, b.latency_b15, b.latency_b16, b.latency_b17, b.latency_b18,
            b.latency_b19, b.latency_b20, b.latency_b21, b.latency_b22, b.latency_b23
        FROM booked b JOIN _genai.series s ON s.id = b.series_id
        UNION ALL
        SELECT 'identity_hour', u.bucket, u.series_id, u.identity_id,
            -u.calls, -u.requests, -u.successes, -u.errors, -u.cancelled, -u.input_tokens, -u.output_tokens,
            -u.cache_read_tokens, -u.cache_write_tokens, -u.cache_write_1h_tokens, -u.reasoning_tokens,
            -u.input_audio_tokens, -u.output_audio_tokens, -u.input_image_tokens, -u.output_image_tokens,
            -u.input_cost_pico_usd, -u.cache_read_cost_pico_usd, -u.cache_write_cost_pico_usd,
            -u.output_cost_pico_usd, -u.other_cost_pico_usd, -u.wasted_cost_pico_usd, -u.unpriced_calls,
            -u.uncertain_calls, -u.error_without_usage_calls, -u.latency_calls, -u.latency_us_sum,
            -u.latency_b00, -u.latency_b01, -u.latency_b02, -u.latency_b03, -u.latency_b04, -u.latency_b05,
            -u.latency_b06, -u.latency_b07, -u.latency_b08, -u.latency_b09, -u.latency_b10, -u.latency_b11,
            -u.latency_b12, -u.latency_b13, -u.latency_b14, -u.latency_b15, -u.latency_b16, -u.latency_b17,
            -u.latency_b18, -u.latency_b19, -u.latency_b20, -u.latency_b21, -u.latency_b22, -u.latency_b23
        FROM _genai.usage_identity_hour u WHERE u.bucket >= from_time AND u.bucket < to_time
        UNION ALL
        SELECT 'identity_day' AS level, date_bin('1 day', b.time, 'epoch') AS bucket, s.line_id AS series_id,
            b.identity_id AS identity_id,
            b.calls, b.requests, b.successes, b.errors, b.cancelled, b.input_tokens, b.output_tokens,
            b.cache_read_tokens, b.cache_write_tokens, b.cache_write_1h_tokens, b.reasoning_tokens,
            b.input_audio_tokens, b.output_audio_tokens, b.input_image_tokens, b.output_image_tokens,
            b.input_cost_pico_usd, b.cache_read_cost_pico_usd, b.cache_write_cost_pico_usd,
            b.output_cost_pico_usd, b.other_cost_pico_usd, b.wasted_cost_pico_usd, b.unpriced_calls,
            b.uncertain_calls, b.error_without_usage_calls, b.latency_calls, b.latency_us_sum, b.latency_b00,
            b.latency_b01, b.latency_b02, b.latency_b03, b.latency_b04, b.latency_b05, b.latency_b06,
            b.latency_b07, b.latency_b08, b.latency_b09, b.latency_b10, b.latency_b11, b.latency_b12,
            b.latency_b13, b.latency_b14, b.latency_b15, b.latency_b16, b.latency_b17, b.latency_b18,
            b.latency_b19, b.latency_b20, b.latency_b21, b.latency_b22, b.latency_b23
        FROM booked b JOIN _genai.series s ON s.id = b.series_id
        UNION ALL
        SELECT 'identity_day', u.bucket, u.series_id, u.identity_id,
            -u.calls, -u.requests, -u.successes, -u.errors, -u.cancelled, -u.input_tokens, -u.output_tokens,
            -u.cache_read_tokens, -u.cache_write_tokens, -u.cache_write_1h_tokens, -u.reasoning_tokens,
            -u.input_audio_tokens, -u.output_audio_tokens, -u.input_image_tokens, -u.output_image_tokens,
            -u.input_cost_pico_usd, -u.cache_read_cost_pico_usd, -u.cache_write_cost_pico_usd,
            -u.output_cost_pico_usd, -u.other_cost_pico_usd, -u.wasted_cost_pico_usd, -u.unpriced_calls,
            -u.uncertain_calls, -u.error_without_usage_calls, -u.latency_calls, -u.latency_us_sum,
            -u.latency_b00, -u.latency_b01, -u.latency_b02, -u.latency_b03, -u.latency_b04, -u.latency_b05,
            -u.latency_b06, -u.latency_b07, -u.latency_b08, -u.latency_b09, -u.latency_b10, -u.latency_b11,
            -u.latency_b12, -u.latency_b13, -u.latency_b14, -u.latency_b15, -u.latency_b16, -u.latency_b17,
            -u.latency_b18, -u.latency_b19, -u.latency_b20, -u.latency_b21, -u.latency_b22, -u.latency_b23
        FROM _genai.usage_identity_day u WHERE u.bucket >= from_time AND u.bucket < to_time
    ), bound AS MATERIALIZED (
        SELECT l.level, l.width,
            greatest(
                date_bin(l.width, from_time + l.width - interval '0.000001 seconds', 'epoch'),
                date_bin(l.width, greatest(raw.time, '2000-01-01') + l.width - interval '0.000001 seconds', 'epoch'),
                f.time) AS low,
            CASE WHEN l.level = 'identity_day' THEN least(ih.time, date_bin(l.width, to_time, 'epoch'))
                ELSE date_bin(l.width, to_time, 'epoch') END AS high
        FROM (VALUES ('minute', interval '1 minute'), ('hour', interval '1 hour'),
                ('identity_hour', interval '1 hour'), ('identity_day', interval '1 day')) AS l (level, width)
        JOIN _genai.floor f ON f.level = l.level
        JOIN _genai.floor raw ON raw.level = 'raw'
        JOIN _genai.floor ih ON ih.level = 'identity_hour'
    ), uneven AS (
        SELECT d.level, d.bucket, d.series_id, d.identity_id,
            coalesce(sum(d.calls), 0) AS calls, coalesce(sum(d.requests), 0) AS requests,
            coalesce(sum(d.successes), 0) AS successes, coalesce(sum(d.errors), 0) AS errors,
            coalesce(sum(d.cancelled), 0) AS cancelled, coalesce(sum(d.input_tokens), 0) AS input_tokens,
            coalesce(sum(d.output_tokens), 0) AS output_tokens,
            coalesce(sum(d.cache_read_tokens), 0) AS cache_read_tokens,
            coalesce(sum(d.cache_write_tokens), 0) AS cache_write_tokens,
            coalesce(sum(d.cache_write_1h_tokens), 0) AS cache_write_1h_tokens,
            coalesce(sum(d.reasoning_tokens), 0) AS reasoning_tokens,
            coalesce(sum(d.input_audio_tokens), 0) AS input_audio_tokens,
            coalesce(sum(d.output_audio_tokens), 0) AS output_audio_tokens,
            coalesce(sum(d.input_image_tokens), 0) AS input_image_tokens,
            coalesce(sum(d.output_image_tokens), 0) AS output_image_tokens,
            coalesce(sum(d.input_cost_pico_usd), 0) AS input_cost_pico_usd,
            coalesce(sum(d.cache_read_cost_pico_usd), 0) AS cache_read_cost_pico_usd,
            coalesce(sum(d.cache_write_cost_pico_usd), 0) AS cache_write_cost_pico_usd,
            coalesce(sum(d.output_cost_pico_usd), 0) AS output_cost_pico_usd,
            coalesce(sum(d.other_cost_pico_usd), 0) AS other_cost_pico_usd,
            coalesce(sum(d.wasted_cost_pico_usd), 0) AS wasted_cost_pico_usd,
            coalesce(sum(d.unpriced_calls), 0) AS unpriced_calls,
            coalesce(sum(d.uncertain_calls), 0) AS uncertain_calls,
            coalesce(sum(d.error_without_usage_calls), 0) AS error_without_usage_calls,
            coalesce(sum(d.latency_calls), 0) AS latency_calls,
            coalesce(sum(d.latency_us_sum), 0) AS latency_us_sum,
            coalesce(sum(d.latency_b00), 0) AS latency_b00, coalesce(sum(d.latency_b01), 0) AS latency_b01,
            coalesce(sum(d.latency_b02), 0) AS latency_b02, coalesce(sum(d.latency_b03), 0) AS latency_b03,
            coalesce(sum(d.latency_b04), 0) AS latency_b04, coalesce(sum(d.latency_b05), 0) AS latency_b05,
            coalesce(sum(d.latency_b06), 0) AS latency_b06, coalesce(sum(d.latency_b07), 0) AS latency_b07,
            coalesce(sum(d.latency_b08), 0) AS latency_b08, coalesce(sum(d.latency_b09), 0) AS latency_b09,
            coalesce(sum(d.latency_b10), 0) AS latency_b10, coalesce(sum(d.latency_b11), 0) AS latency_b11,
            coalesce(sum(d.latency_b12), 0) AS latency_b12, coalesce(sum(d.latency_b13), 0) AS latency_b13,
            coalesce(sum(d.latency_b14), 0) AS latency_b14, coalesce(sum(d.latency_b15), 0) AS latency_b15,
            coalesce(sum(d.latency_b16), 0) AS latency_b16, coalesce(sum(d.latency_b17), 0) AS latency_b17,
            coalesce(sum(d.latency_b18), 0) AS latency_b18, coalesce(sum(d.latency_b19), 0) AS latency_b19,
            coalesce(sum(d.latency_b20), 0) AS latency_b20, coalesce(sum(d.latency_b21), 0) AS latency_b21,
            coalesce(sum(d.latency_b22), 0) AS latency_b22, coalesce(sum(d.latency_b23), 0) AS latency_b23
        FROM both_sides d JOIN bound o ON o.level = d.level AND d.bucket >= o.low AND d.bucket < o.high
        GROUP BY d.level, d.bucket, d.series_id, d.identity_id
    )
    SELECT u.level, u.bucket, u.series_id, u.identity_id, (
        SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(to_jsonb(u)) e
        WHERE e.key NOT IN ('level', 'bucket', 'series_id', 'identity_id') AND e.value <> '0'::jsonb)
    FROM uneven u
    WHERE u.calls <> 0 OR u.requests <> 0 OR u.successes <> 0 OR u.errors <> 0 OR u.cancelled <> 0 OR
        u.input_tokens <> 0 OR u.output_tokens <> 0 OR u.cache_read_tokens <> 0 OR
        u.cache_write_tokens <> 0 OR u.cache_write_1h_tokens <> 0 OR u.reasoning_tokens <> 0 OR
        u.input_audio_tokens <> 0 OR u.output_audio_tokens <> 0 OR u.input_image_tokens <> 0 OR
        u.output_image_tokens <> 0 OR u.input_cost_pico_usd <> 0 OR u.cache_read_cost_pico_usd <> 0 OR
        u.cache_write_cost_pico_usd <> 0 OR u.output_cost_pico_usd <> 0 OR u.other_cost_pico_usd <> 0 OR
        u.wasted_cost_pico_usd <> 0 OR u.unpriced_calls <> 0 OR u.uncertain_calls <> 0 OR
        u.error_without_usage_calls <> 0 OR u.latency_calls <> 0 OR u.latency_us_sum <> 0 OR
        u.latency_b00 <> 0 OR u.latency_b01 <> 0 OR u.latency_b02 <> 0 OR u.latency_b03 <> 0 OR
        u.latency_b04 <> 0 OR u.latency_b05 <> 0 OR u.latency_b06 <> 0 OR u.latency_b07 <> 0 OR
        u.latency_b08 <> 0 OR u.latency_b09 <> 0 OR u.latency_b10 <> 0 OR u.latency_b11 <> 0 OR
        u.latency_b12 <> 0 OR u.latency_b13 <> 0 OR u.latency_b14 <> 0 OR u.latency_b15 <> 0 OR
        u.latency_b16 <> 0 OR u.latency_b17 <> 0 OR u.latency_b18 <> 0 OR u.latency_b19 <> 0 OR
        u.latency_b20 <> 0 OR u.latency_b21 <> 0 OR u.latency_b22 <> 0 OR u.latency_b23 <> 0
    ORDER BY u.level, u.bucket, u.series_id, u.identity_id
$$;
