-- The next rows to be priced again, in order. Parameters: first, end, restate, models, after_key (of the time
-- `first` only greater keys count; NULL: all), limit.
SELECT (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000, uuid_send(m.call_key)
FROM _genai.model_call m
WHERE m.time >= %(first)s AND m.time < %(end)s AND m.merged_into IS NULL
    AND (%(restate)s OR m.cost_pico_usd IS NULL)
    AND (%(models)s::text[] IS NULL OR m.series_id IN (
        SELECT s.id FROM _genai.series s WHERE s.model = ANY(%(models)s) OR s.provider || '/' || s.model = ANY(%(models)s)))
    AND (%(after_key)s::uuid IS NULL OR m.time > %(first)s OR m.call_key > %(after_key)s)
ORDER BY m.time, m.call_key
LIMIT %(limit)s
