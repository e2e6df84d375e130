-- How many buckets of a slice differ from their calls, and the first that does. Parameters: start, end.
SELECT count(*) OVER (), d.level, d.bucket, d.series_id, d.identity_id, d.difference
FROM _genai.rollup_difference(%(start)s, %(end)s) d
ORDER BY d.bucket, d.level, d.series_id, d.identity_id
LIMIT 1
