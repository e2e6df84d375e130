-- ranges: storage/schema/measures.py
-- At which levels sums and rows differ, told by one number for each level and side: half of what it costs to compare
-- every bucket (`rollup_difference`, which says where). Each measure counts times a number of its own, each bucket times
-- one made of its ids and its time, all modulo 2³¹ - 1. That is linear, so rows and their sums give the same; a difference
-- goes unseen once in two thousand million. Ids are hashes already. One statement, so one snapshot.

DROP FUNCTION IF EXISTS _genai.rollup_uneven(timestamptz, timestamptz);

CREATE FUNCTION _genai.rollup_uneven(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (level text)
LANGUAGE sql STABLE AS $$
    WITH bound AS MATERIALIZED (
        SELECT * FROM _genai.rollup_bound(from_time, to_time)
    ), mi AS (SELECT * FROM bound o WHERE o.level = 'minute'), ho AS (SELECT * FROM bound o WHERE o.level = 'hour'),
    ih AS (SELECT * FROM bound o WHERE o.level = 'identity_hour'), id AS (SELECT * FROM bound o WHERE o.level = 'identity_day'),
    told AS (
        SELECT b.time, b.series_id, b.identity_id, s.facet_id, s.line_id,
            date_part('hour', b.time)::bigint AS hour, date_part('minute', b.time)::bigint AS minute,
            ({calls..latency_b23+ @ * (coalesce(b.#, 0) % 2147483647)}) % 2147483647 AS told
        FROM _genai.summed b JOIN _genai.series s ON s.id = b.series_id
        WHERE b.time >= from_time AND b.time < to_time
    ), rows AS (
        SELECT
            sum(t.told * ((t.series_id # (t.hour * 60 + t.minute) * 2654435761) & 2147483647))
                FILTER (WHERE t.time >= mi.low AND t.time < mi.high) AS minute,
            sum(t.told * ((t.series_id # t.hour * 2654435761) & 2147483647))
                FILTER (WHERE t.time >= ho.low AND t.time < ho.high) AS hour,
            sum(t.told * ((t.identity_id # (t.facet_id >> 7) # t.hour * 2654435761) & 2147483647))
                FILTER (WHERE t.time >= ih.low AND t.time < ih.high) AS identity_hour,
            sum(t.told * ((t.identity_id # (t.line_id >> 7)) & 2147483647))
                FILTER (WHERE t.time >= id.low AND t.time < id.high) AS identity_day
        FROM told t CROSS JOIN mi CROSS JOIN ho CROSS JOIN ih CROSS JOIN id
    ), both_sides AS (
        SELECT 'minute' AS level, r.minute AS said, (
            SELECT sum(({calls..latency_b23+ @ * (coalesce(u.#, 0) % 2147483647)}) % 2147483647
                * ((u.series_id # (date_part('hour', u.bucket)::bigint * 60 + date_part('minute', u.bucket)::bigint)
                    * 2654435761) & 2147483647))
            FROM _genai.usage_minute u, mi WHERE u.bucket >= mi.low AND u.bucket < mi.high) AS summed
        FROM rows r
        UNION ALL
        SELECT 'hour', r.hour, (
            SELECT sum(({calls..latency_b23+ @ * (coalesce(u.#, 0) % 2147483647)}) % 2147483647
                * ((u.series_id # date_part('hour', u.bucket)::bigint * 2654435761) & 2147483647))
            FROM _genai.usage_hour u, ho WHERE u.bucket >= ho.low AND u.bucket < ho.high)
        FROM rows r
        UNION ALL
        SELECT 'identity_hour', r.identity_hour, (
            SELECT sum(({calls..latency_b23+ @ * (coalesce(u.#, 0) % 2147483647)}) % 2147483647
                * ((u.identity_id # (u.series_id >> 7) # date_part('hour', u.bucket)::bigint * 2654435761) & 2147483647))
            FROM _genai.usage_identity_hour u, ih WHERE u.bucket >= ih.low AND u.bucket < ih.high)
        FROM rows r
        UNION ALL
        SELECT 'identity_day', r.identity_day, (
            SELECT sum(({calls..latency_b23+ @ * (coalesce(u.#, 0) % 2147483647)}) % 2147483647
                * ((u.identity_id # (u.series_id >> 7)) & 2147483647))
            FROM _genai.usage_identity_day u, id WHERE u.bucket >= id.low AND u.bucket < id.high)
        FROM rows r
    )
    SELECT b.level FROM both_sides b WHERE (coalesce(b.said, 0) - coalesce(b.summed, 0)) % 2147483647 <> 0
$$;
