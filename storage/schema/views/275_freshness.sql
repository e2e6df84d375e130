-- How long after its receipt a call was visible: by minute as long as these are kept, by day (UTC) for a year (LEDGER §22).

-- Calls per day and histogram bucket: finished days as they were summed, later ones from their minutes.
CREATE VIEW genai.freshness_day AS
SELECT d.day::timestamp AT TIME ZONE 'UTC' AS day, d.bucket::integer AS bucket, d.calls,
    CASE WHEN d.bucket < 39 THEN power(2, d.bucket / 2.0::float8) ELSE 'infinity'::float8 END AS up_to_ms
FROM _genai.freshness_day d
UNION ALL
SELECT date_bin('1 day', m.minute, 'epoch'), m.bucket, sum(m.calls)::bigint, m.up_to_ms
FROM genai.freshness_minute m
WHERE m.minute >= coalesce(
    (SELECT (max(d.day) + 1)::timestamp AT TIME ZONE 'UTC' FROM _genai.freshness_day d), '-infinity')
GROUP BY 1, 2, 4;

-- The bounds that half, 95 and 99 of 100 calls stayed below, in seconds, for each step of a range ('minute', 'hour' or
-- 'day') and, with `time` NULL, for all of it. Calls count when they became visible. What took longer than the last bound
-- (12 minutes) is `infinity`.
CREATE FUNCTION genai.freshness_by(p_from timestamptz, p_to timestamptz, p_step text DEFAULT 'day')
RETURNS TABLE (
    "time" timestamptz, calls bigint, p50_seconds double precision, p95_seconds double precision,
    p99_seconds double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH part AS (
        SELECT date_bin(CASE p_step WHEN 'hour' THEN interval '1 hour' ELSE interval '1 minute' END, m.minute, 'epoch') AS time,
            m.bucket, m.up_to_ms, m.calls
        FROM genai.freshness_minute m
        WHERE p_step <> 'day' AND m.minute >= date_bin('1 minute', p_from, 'epoch') AND m.minute < p_to
        UNION ALL
        SELECT d.day, d.bucket, d.up_to_ms, d.calls
        FROM genai.freshness_day d
        WHERE p_step = 'day' AND d.day >= date_bin('1 day', p_from, 'epoch') AND d.day < p_to
    ), running AS (
        SELECT s.time, s.up_to_ms, s.calls, sum(s.calls) OVER (PARTITION BY s.is_whole, s.time ORDER BY s.bucket) AS reached,
            sum(s.calls) OVER (PARTITION BY s.is_whole, s.time) AS total
        FROM (
            SELECT p.time, p.bucket, p.up_to_ms, sum(p.calls) AS calls, grouping(p.time) = 1 AS is_whole
            FROM part p
            GROUP BY GROUPING SETS ((p.time, p.bucket, p.up_to_ms), (p.bucket, p.up_to_ms))
        ) s
    )
    SELECT r.time, max(r.total)::bigint, min(r.up_to_ms) FILTER (WHERE r.reached >= 0.50 * r.total) / 1e3,
        min(r.up_to_ms) FILTER (WHERE r.reached >= 0.95 * r.total) / 1e3,
        min(r.up_to_ms) FILTER (WHERE r.reached >= 0.99 * r.total) / 1e3
    FROM running r
    GROUP BY r.time
    ORDER BY r.time NULLS LAST
$$;
