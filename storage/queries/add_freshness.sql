-- Parameters: minutes (timestamptz[]), histogram buckets, calls.
INSERT INTO _genai.freshness_minute AS f (minute, bucket, calls)
SELECT o.minute, o.bucket, o.calls FROM unnest(%s::timestamptz[], %s::smallint[], %s::bigint[]) AS o (minute, bucket, calls)
ORDER BY o.minute, o.bucket
ON CONFLICT (minute, bucket) DO UPDATE SET calls = f.calls + excluded.calls
