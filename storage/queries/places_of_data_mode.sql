-- Rows of a data mode in a span, merged ones too. Parameters: first, end, mode.
SELECT (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000, uuid_send(m.call_key)
FROM _genai.model_call m
WHERE m.time >= %(first)s AND m.time < %(end)s
    AND m.series_id IN (SELECT s.id FROM _genai.series s WHERE s.data_mode = %(mode)s)
ORDER BY m.time, m.call_key
