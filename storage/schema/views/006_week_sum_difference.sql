-- ranges: storage/schema/measures.py
-- Sum of a week = its days, always, for weeks that may be read (storage/upkeep/week_sums.py): where they differ, with what
-- the days have more. Of weeks that end in (from_time, to_time], so that the week's last hour brings it to the checker.

DROP FUNCTION IF EXISTS _genai.week_sum_difference(timestamptz, timestamptz);
DROP VIEW IF EXISTS _genai.person_day;

-- A person's days: the sums of hours and, below their floor, the days that these were folded into.
CREATE VIEW _genai.person_day AS
SELECT u.bucket, u.identity_id, u.environment, u.data_mode, {calls..errors: u.#}, {input_tokens..output_tokens: u.#},
    u.unpriced_calls, u.cost_pico_usd
FROM _genai.usage_person_day u
WHERE u.bucket >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'identity_hour')
UNION ALL
SELECT u.bucket, u.identity_id, s.environment, s.data_mode, {calls..errors: u.#}, {input_tokens..output_tokens: u.#},
    u.unpriced_calls, {input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)}
FROM _genai.usage_identity_day u JOIN _genai.series s ON s.id = u.series_id
WHERE u.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'identity_hour');

CREATE FUNCTION _genai.week_sum_difference(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (level text, bucket timestamptz, series_id bigint, identity_id bigint, difference jsonb)
LANGUAGE sql STABLE AS $$
    WITH readable AS MATERIALIZED (
        SELECT w.level, w.bucket, w.bucket + interval '168 hours' AS week_end FROM _genai.summed_week w
        WHERE NOT w.stale AND w.bucket > from_time - interval '168 hours' AND w.bucket <= to_time - interval '168 hours'
    ), series_week AS (
        SELECT b.bucket, b.series_id, {calls..latency_b23: coalesce(sum(b.#), 0) AS #}
        FROM (
            SELECT w.bucket, u.series_id, {calls..latency_b23: u.#}
            FROM readable w JOIN _genai.usage_day u ON u.bucket >= w.bucket AND u.bucket < w.week_end
            WHERE w.level = 'hour'
            UNION ALL
            SELECT u.bucket, u.series_id, {calls..latency_b23: -u.#}
            FROM readable w JOIN _genai.usage_week u ON u.bucket = w.bucket WHERE w.level = 'hour'
        ) b
        GROUP BY b.bucket, b.series_id
    ), person_week AS (
        SELECT b.bucket, b.identity_id, b.environment, b.data_mode, sum(b.calls) AS calls,
            {requests..errors: coalesce(sum(b.#), 0) AS #},
            {input_tokens..output_tokens: coalesce(sum(b.#), 0) AS #},
            coalesce(sum(b.unpriced_calls), 0) AS unpriced_calls, coalesce(sum(b.cost_pico_usd), 0) AS cost_pico_usd
        FROM (
            SELECT w.bucket, u.identity_id, u.environment, u.data_mode, {calls..errors: u.#},
                {input_tokens..output_tokens: u.#}, u.unpriced_calls, u.cost_pico_usd
            FROM readable w JOIN _genai.person_day u ON u.bucket >= w.bucket AND u.bucket < w.week_end
            WHERE w.level = 'identity_hour'
            UNION ALL
            SELECT u.bucket, u.identity_id, u.environment, u.data_mode, {calls..errors: -u.#},
                {input_tokens..output_tokens: -u.#}, -u.unpriced_calls, -u.cost_pico_usd
            FROM readable w JOIN _genai.usage_person_week u ON u.bucket = w.bucket WHERE w.level = 'identity_hour'
        ) b
        GROUP BY b.bucket, b.identity_id, b.environment, b.data_mode
    ), uneven AS (
        SELECT 'week' AS level, w.bucket, w.series_id, NULL::bigint AS identity_id, to_jsonb(w) AS measures
        FROM series_week w WHERE 0 <> ANY (ARRAY[{calls..latency_b23: w.#}])
        UNION ALL
        SELECT 'person_week', w.bucket, NULL, w.identity_id, to_jsonb(w) - '{environment,data_mode}'::text[]
        FROM person_week w
        WHERE 0 <> ANY (
            ARRAY[{calls..errors: w.#}, {input_tokens..output_tokens: w.#}, w.unpriced_calls, w.cost_pico_usd])
    )
    SELECT u.level, u.bucket, u.series_id, u.identity_id, (
        SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(u.measures) e
        WHERE e.key NOT IN ('bucket', 'series_id', 'identity_id') AND e.value <> '0'::jsonb)
    FROM uneven u
$$;
