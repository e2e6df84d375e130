-- The differences by identity. Parameter: floor of the level, in hours since 2000.
INSERT INTO _genai.usage_identity_hour AS u (
    bucket, identity_id, series_id,
    {calls..latency_b23: #}
)
SELECT
    '2000-01-01 00:00:00+00'::timestamptz + s.slot * interval '1 hour' AS bucket, s.identity_id, s.facet_id,
    coalesce(s.calls, 0), {requests..latency_b23: s.#}
FROM (
    SELECT
        d.minute / 60 AS slot, d.identity_id, r.facet_id,
        {calls..latency_b23: nullif(_genai.total(d.#), 0) AS #}
    FROM pg_temp.delta d JOIN _genai.series r ON r.id = d.series_id
    WHERE d.minute / 60 >= %s::integer
    GROUP BY d.minute / 60, d.identity_id, r.facet_id
) s
WHERE NOT (ROW(
    {calls..latency_b23: s.#}
) IS NULL)
ORDER BY s.slot, s.identity_id, s.facet_id
ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}
