-- The differences by minute and series, as the minute and hour rollups take them; what cancels out is left out.
INSERT INTO pg_temp.slice (
    minute, series_id,
    {calls..latency_b23: #}
)
SELECT
    s.minute, s.series_id,
    coalesce(s.calls, 0), {requests..latency_b23: s.#}
FROM (
    SELECT
        d.minute, d.series_id,
        {calls..latency_b23: nullif(_genai.total(d.#), 0) AS #}
    FROM pg_temp.delta d
    GROUP BY d.minute, d.series_id
) s
WHERE NOT (ROW(
    {calls..latency_b23: s.#}
) IS NULL)
