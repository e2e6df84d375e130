-- Days to sum, the newest first: ended before `before`, with hours or stale sums. Parameters: before (NULL: six hours
-- ago), limit.
SELECT d.level, d.bucket FROM (
    SELECT s.level, s.bucket FROM _genai.summed_day s WHERE s.stale
    UNION
    SELECT l.level, g.day
    FROM (
        SELECT 'hour' AS level, min(u.bucket) AS first, max(u.bucket) AS last FROM _genai.usage_hour u
        UNION ALL
        SELECT 'identity_hour', min(u.bucket), max(u.bucket) FROM _genai.usage_identity_hour u
    ) l
    CROSS JOIN LATERAL generate_series(
        date_bin('24 hours', l.first, 'epoch'), l.last, interval '24 hours') g (day)
    WHERE NOT EXISTS (SELECT FROM _genai.summed_day s WHERE s.level = l.level AND s.bucket = g.day)
) d
WHERE d.bucket + interval '24 hours' <= coalesce(%(before)s::timestamptz, now() - interval '6 hours')
ORDER BY d.bucket DESC, d.level
LIMIT %(limit)s
