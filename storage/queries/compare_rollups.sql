-- How many buckets of a slice differ from their calls, or days that end with it from their hours, and the first that
-- does. Parameters: start, end.
SELECT count(*) OVER (), d.level, d.bucket, d.series_id, d.identity_id, d.difference
FROM (
    SELECT * FROM _genai.rollup_difference(%(start)s, %(end)s)
    UNION ALL
    SELECT * FROM _genai.day_sum_difference(%(start)s, %(end)s)
) d
ORDER BY d.bucket, d.level, d.series_id, d.identity_id
LIMIT 1
