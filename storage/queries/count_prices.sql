-- Rows to be looked at. Parameters as read_prices.
SELECT count(*)
FROM _genai.model_call m
WHERE m.time >= %(first)s AND m.time < %(end)s AND m.merged_into IS NULL
    AND (%(restate)s OR m.cost_pico_usd IS NULL)
    AND (%(models)s::text[] IS NULL OR m.series_id IN (
        SELECT s.id FROM _genai.series s WHERE s.model = ANY(%(models)s) OR s.provider || '/' || s.model = ANY(%(models)s)))
