-- Parameter: floor of the level, in buckets since 2000; nothing is written below it (LEDGER §11).
INSERT INTO _genai.usage_minute AS u (
    bucket, series_id,
    {calls..latency_b23: #}
)
SELECT
    '2000-01-01 00:00:00+00'::timestamptz + s.minute * interval '1 minute' AS bucket, s.series_id,
    {calls..latency_b23: s.#}
FROM pg_temp.slice s
WHERE s.minute >= %s::integer
ORDER BY s.minute, s.series_id
ON CONFLICT (bucket, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}
