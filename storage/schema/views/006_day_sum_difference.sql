-- ranges: storage/schema/measures.py
-- Sum of a day = its hours, always, for days that may be read (storage/upkeep/day_sums.py): where they differ, with what the
-- hours have more. Of days that end in (from_time, to_time], so that the day's last hour brings it to the checker.

DROP FUNCTION IF EXISTS _genai.day_sum_difference(timestamptz, timestamptz);

CREATE FUNCTION _genai.day_sum_difference(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (level text, bucket timestamptz, series_id bigint, identity_id bigint, difference jsonb)
LANGUAGE sql STABLE AS $$
    WITH readable AS MATERIALIZED (
        SELECT d.level, d.bucket, d.bucket + interval '24 hours' AS day_end FROM _genai.summed_day d
        WHERE NOT d.stale AND d.bucket > from_time - interval '24 hours' AND d.bucket <= to_time - interval '24 hours'
    ), series_day AS (
        SELECT b.bucket, b.series_id, {calls..latency_b23: coalesce(sum(b.#), 0) AS #}
        FROM (
            SELECT d.bucket, u.series_id, {calls..latency_b23: u.#}
            FROM readable d JOIN _genai.usage_hour u ON u.bucket >= d.bucket AND u.bucket < d.day_end
            WHERE d.level = 'hour'
            UNION ALL
            SELECT u.bucket, u.series_id, {calls..latency_b23: -u.#}
            FROM readable d JOIN _genai.usage_day u ON u.bucket = d.bucket WHERE d.level = 'hour'
        ) b
        GROUP BY b.bucket, b.series_id
    ), person_day AS (
        SELECT b.bucket, b.identity_id, b.environment, b.data_mode, sum(b.calls) AS calls,
            {requests..errors: coalesce(sum(b.#), 0) AS #},
            {input_tokens..output_tokens: coalesce(sum(b.#), 0) AS #},
            coalesce(sum(b.unpriced_calls), 0) AS unpriced_calls, coalesce(sum(b.cost_pico_usd), 0) AS cost_pico_usd
        FROM (
            SELECT d.bucket, u.identity_id, s.environment, s.data_mode,
                {calls..errors: u.#}, {input_tokens..output_tokens: u.#}, u.unpriced_calls, cost.pico_usd AS cost_pico_usd
            FROM readable d
            JOIN _genai.usage_identity_hour u ON u.bucket >= d.bucket AND u.bucket < d.day_end
            JOIN _genai.series s ON s.id = u.series_id
            CROSS JOIN LATERAL (
                SELECT sum(c.part) FROM (VALUES (u.input_cost_pico_usd), (u.cache_read_cost_pico_usd),
                    (u.cache_write_cost_pico_usd), (u.output_cost_pico_usd), (u.other_cost_pico_usd)) c (part)
            ) cost (pico_usd)
            WHERE d.level = 'identity_hour'
            UNION ALL
            SELECT u.bucket, u.identity_id, u.environment, u.data_mode,
                {calls..errors: -u.#}, {input_tokens..output_tokens: -u.#}, -u.unpriced_calls, -u.cost_pico_usd
            FROM readable d JOIN _genai.usage_person_day u ON u.bucket = d.bucket WHERE d.level = 'identity_hour'
        ) b
        GROUP BY b.bucket, b.identity_id, b.environment, b.data_mode
    ), uneven AS (
        SELECT 'day' AS level, d.bucket, d.series_id, NULL::bigint AS identity_id, to_jsonb(d) AS measures
        FROM series_day d WHERE 0 <> ANY (ARRAY[{calls..latency_b23: d.#}])
        UNION ALL
        SELECT 'person_day', d.bucket, NULL, d.identity_id, to_jsonb(d) - '{environment,data_mode}'::text[]
        FROM person_day d
        WHERE 0 <> ANY (
            ARRAY[{calls..errors: d.#}, {input_tokens..output_tokens: d.#}, d.unpriced_calls, d.cost_pico_usd])
    )
    SELECT u.level, u.bucket, u.series_id, u.identity_id, (
        SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(u.measures) e
        WHERE e.key NOT IN ('bucket', 'series_id', 'identity_id') AND e.value <> '0'::jsonb)
    FROM uneven u
$$;
