-- The differences of days whose hours are folded already. Parameters: floor of the hours, floor of the days, each
-- in its buckets since 2000.
INSERT INTO _genai.usage_identity_day AS u (
    bucket, identity_id, series_id,
    {calls..latency_b23: #}
)
SELECT
    '2000-01-01 00:00:00+00'::timestamptz + s.slot * interval '24 hours' AS bucket, s.identity_id, s.line_id,
    coalesce(s.calls, 0), {requests..latency_b23: s.#}
FROM (
    SELECT
        d.minute / 1440 AS slot, d.identity_id, r.line_id,
        {calls..latency_b23: nullif(_genai.total(d.#), 0) AS #}
    FROM pg_temp.delta d JOIN _genai.series r ON r.id = d.series_id
    WHERE d.minute / 60 < %s::integer AND d.minute / 1440 >= %s::integer
    GROUP BY d.minute / 1440, d.identity_id, r.line_id
) s
WHERE NOT (ROW(
    {calls..latency_b23: s.#}
) IS NULL)
ORDER BY s.slot, s.identity_id, s.line_id
ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}
