-- ranges: storage/schema/measures.py
-- Rollup = rows, always (LEDGER §9, §11): where the two differ, one line per level, bucket and ids, with what the
-- rows have more, less what waits for the folder (`_genai.summed`). One statement, so one snapshot. Only buckets that lie wholly in [from_time, to_time) and above
-- the floors of both sides are compared; give whole days to have every level compared.

DROP FUNCTION IF EXISTS _genai.rollup_bound(timestamptz, timestamptz);

-- Which buckets of a level lie wholly in the time and above the floors of both sides.
CREATE FUNCTION _genai.rollup_bound(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (level text, low timestamptz, high timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT l.level,
        greatest(
            date_bin(l.width, from_time + l.width - interval '0.000001 seconds', 'epoch'),
            date_bin(l.width, greatest(raw.time, '2000-01-01') + l.width - interval '0.000001 seconds', 'epoch'),
            f.time),
        CASE WHEN l.level = 'identity_day' THEN least(ih.time, date_bin(l.width, to_time, 'epoch'))
            ELSE date_bin(l.width, to_time, 'epoch') END
    FROM (VALUES ('minute', interval '1 minute'), ('hour', interval '1 hour'),
            ('identity_hour', interval '1 hour'), ('identity_day', interval '1 day')) AS l (level, width)
    JOIN _genai.floor f ON f.level = l.level
    JOIN _genai.floor raw ON raw.level = 'raw'
    JOIN _genai.floor ih ON ih.level = 'identity_hour'
$$;

DROP FUNCTION IF EXISTS _genai.rollup_difference(timestamptz, timestamptz);

CREATE FUNCTION _genai.rollup_difference(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (level text, bucket timestamptz, series_id bigint, identity_id bigint, difference jsonb)
LANGUAGE sql STABLE AS $$
    WITH booked AS MATERIALIZED (
        SELECT b.* FROM _genai.summed b WHERE b.time >= from_time AND b.time < to_time
    ), both_sides AS (
        SELECT 'minute' AS level, date_bin('1 minute', b.time, 'epoch') AS bucket, b.series_id AS series_id,
            0::bigint AS identity_id,
            {calls..latency_b23: b.#}
        FROM booked b
        UNION ALL
        SELECT 'minute', u.bucket, u.series_id, 0,
            {calls..latency_b23: -u.#}
        FROM _genai.usage_minute u WHERE u.bucket >= from_time AND u.bucket < to_time
        UNION ALL
        SELECT 'hour' AS level, date_bin('1 hour', b.time, 'epoch') AS bucket, b.series_id AS series_id,
            0::bigint AS identity_id,
            {calls..latency_b23: b.#}
        FROM booked b
        UNION ALL
        SELECT 'hour', u.bucket, u.series_id, 0,
            {calls..latency_b23: -u.#}
        FROM _genai.usage_hour u WHERE u.bucket >= from_time AND u.bucket < to_time
        UNION ALL
        SELECT 'identity_hour' AS level, date_bin('1 hour', b.time, 'epoch') AS bucket, s.facet_id AS series_id,
            b.identity_id AS identity_id,
            {calls..latency_b23: b.#}
        FROM booked b JOIN _genai.series s ON s.id = b.series_id
        UNION ALL
        SELECT 'identity_hour', u.bucket, u.series_id, u.identity_id,
            {calls..latency_b23: -u.#}
        FROM _genai.usage_identity_hour u WHERE u.bucket >= from_time AND u.bucket < to_time
        UNION ALL
        SELECT 'identity_day' AS level, date_bin('1 day', b.time, 'epoch') AS bucket, s.line_id AS series_id,
            b.identity_id AS identity_id,
            {calls..latency_b23: b.#}
        FROM booked b JOIN _genai.series s ON s.id = b.series_id
        UNION ALL
        SELECT 'identity_day', u.bucket, u.series_id, u.identity_id,
            {calls..latency_b23: -u.#}
        FROM _genai.usage_identity_day u WHERE u.bucket >= from_time AND u.bucket < to_time
    ), bound AS MATERIALIZED (
        SELECT * FROM _genai.rollup_bound(from_time, to_time)
    ), uneven AS (
        SELECT d.level, d.bucket, d.series_id, d.identity_id,
            {calls..latency_b23: coalesce(sum(d.#), 0) AS #}
        FROM both_sides d JOIN bound o ON o.level = d.level AND d.bucket >= o.low AND d.bucket < o.high
        GROUP BY d.level, d.bucket, d.series_id, d.identity_id
    )
    SELECT u.level, u.bucket, u.series_id, u.identity_id, (
        SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(to_jsonb(u)) e
        WHERE e.key NOT IN ('level', 'bucket', 'series_id', 'identity_id') AND e.value <> '0'::jsonb)
    FROM uneven u
    WHERE 0 <> ANY (ARRAY[{calls..latency_b23: u.#}])
    ORDER BY u.level, u.bucket, u.series_id, u.identity_id
$$;
