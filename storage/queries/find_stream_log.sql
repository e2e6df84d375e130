-- The counted log of a Logfire stream whose span ended then, the nearest. The log is in a trace of its own, it began when
-- the span ended, and only its start is worked out from its duration (receiver/dialects/logfire.py). Parameters: end, dialect, request_model,
-- service_name.
SELECT (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000, uuid_send(m.call_key),
    int8send(m.span_id), int8send(m.parent_span_id), uuid_send(m.trace_id)
FROM _genai.model_call m
JOIN _genai.shape h ON h.id = m.shape_id
JOIN _genai.reading r ON r.id = h.reading_id
JOIN _genai.series s ON s.id = m.series_id
WHERE m.time >= %(end)s - interval '5 seconds' AND m.time <= %(end)s + interval '5 seconds'
    AND m.merged_into IS NULL AND m.flags & 4096 = 0
    AND r.sources @> '[["time_ns", "duration", 10]]' AND r.dialect = %(dialect)s AND h.request_model IS NOT DISTINCT FROM %(request_model)s AND h.streaming
    AND s.service_name = %(service_name)s
ORDER BY greatest(m.time - %(end)s, %(end)s - m.time), m.call_key LIMIT 1
