-- The day's hours by series. Parameters: day.
INSERT INTO _genai.usage_day (bucket, series_id, {calls..latency_b23: #})
SELECT %(day)s, u.series_id, {calls..latency_b23: sum(u.#)}
FROM _genai.usage_hour u
WHERE u.bucket >= %(day)s AND u.bucket < %(day)s::timestamptz + interval '24 hours'
GROUP BY u.series_id
ORDER BY u.series_id
