-- Parameter: floor of the level, in buckets since 2000; nothing is written below it (LEDGER §11).
INSERT INTO _genai.usage_hour AS u (
    bucket, series_id,
    {calls..latency_b23: #}
)
SELECT
    '2000-01-01 00:00:00+00'::timestamptz + (s.minute / 60) * interval '1 hour' AS bucket, s.series_id,
    {calls..latency_b23: _genai.total(s.#)}
FROM pg_temp.slice s
WHERE s.minute / 60 >= %s::integer
GROUP BY s.minute / 60, s.series_id
ORDER BY s.minute / 60, s.series_id
ON CONFLICT (bucket, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}
