-- The final and first sums of every day below the raw floor, before its rows go (LEDGER §19). Nobody writes there
-- any more, so the sums stand.
INSERT INTO _genai.day_close (day, environment, data_mode, provider, model, calls, cost_pico_usd, first_cost_pico_usd)
SELECT date_bin('1 day', m.time, 'epoch')::date, s.environment, s.data_mode, s.provider, s.model, count(*),
    coalesce(sum(m.cost_pico_usd), 0)::bigint, coalesce(sum(m.first_cost_pico_usd), 0)::bigint
FROM _genai.model_call m JOIN _genai.series s ON s.id = m.series_id
WHERE m.merged_into IS NULL AND m.time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
GROUP BY 1, 2, 3, 4, 5
ON CONFLICT DO NOTHING
