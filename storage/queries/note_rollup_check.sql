-- What a look at a slice found. Parameters: start, end, differences, level, bucket, series_id, identity_id, difference.
INSERT INTO _genai.rollup_check AS c (
    from_time, to_time, differences, level, bucket, series_id, identity_id, difference)
VALUES (%(start)s, %(end)s, %(differences)s, %(level)s, %(bucket)s, %(series_id)s, %(identity_id)s, %(difference)s)
ON CONFLICT (from_time) DO UPDATE SET to_time = excluded.to_time, checked_at = now(),
    differences = excluded.differences, level = excluded.level, bucket = excluded.bucket,
    series_id = excluded.series_id, identity_id = excluded.identity_id, difference = excluded.difference
