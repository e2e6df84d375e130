-- The final and first sums of every day below the raw floor, before its rows go (LEDGER §19). Nobody writes there
-- any more, so the sums stand. First sums stand where rows were first booked, those of merged duplicates too: with the
-- lines of the ledger's book they give the final ones.
INSERT INTO _genai.day_close (
    day, environment, data_mode, provider, model, calls, cost_pico_usd, first_calls, first_cost_pico_usd
)
SELECT date_bin('1 day', m.time, 'epoch')::date, s.environment, s.data_mode, s.provider, s.model, sum(m.calls),
    sum(m.cost_pico_usd)::bigint, sum(m.first_calls), sum(m.first_cost_pico_usd)::bigint
FROM (
    SELECT m.time, m.series_id, 1 AS calls, coalesce(m.cost_pico_usd, 0) AS cost_pico_usd, 0 AS first_calls,
        0::bigint AS first_cost_pico_usd
    FROM _genai.model_call m WHERE m.merged_into IS NULL
    UNION ALL
    SELECT m.time, coalesce(m.first_series_id, m.series_id), 0, 0, CASE WHEN m.flags & 1073745920 = 0 THEN 1 ELSE 0 END,
        coalesce(m.first_cost_pico_usd, 0)
    FROM _genai.model_call m
) m
JOIN _genai.series s ON s.id = m.series_id
WHERE m.time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
GROUP BY 1, 2, 3, 4, 5
ON CONFLICT DO NOTHING
