-- From now on the day may be read. Parameters: level, day.
INSERT INTO _genai.summed_day (level, bucket, stale) VALUES (%(level)s, %(day)s, false)
ON CONFLICT (level, bucket) DO UPDATE SET stale = false
