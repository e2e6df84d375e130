-- The statements of storage/late, each named, with a sentence on what it does (storage/statements.py).

-- begun_promotions --
-- Traces in which a promotion was begun and not finished: a binder died in between.
SELECT DISTINCT uuid_send(s.trace_id) FROM _genai.promotion p
JOIN _genai.sighting s ON s.trace_id = p.trace_id AND s.span_id = p.span_id AND s.wrapper


-- due_wrappers --
-- Traces with wrappers whose window may have run out. Parameters: a moment, rows.
SELECT DISTINCT uuid_send(s.trace_id)
FROM (SELECT w.trace_id FROM _genai.sighting w WHERE w.wrapper AND w.received_at < %s
      ORDER BY w.received_at LIMIT %s) AS s


-- read_arrivals --
-- The next of what the binder has not looked at, locked so that no second binder takes them too. Parameter: rows.
SELECT a.ctid::text, uuid_send(a.trace_id), int8send(a.span_id), int8send(a.parent_span_id), uuid_send(a.call),
    (extract(epoch FROM a.time) * 1000000)::bigint - 946684800000000,
    (extract(epoch FROM a.received_at) * 1000000)::bigint - 946684800000000
FROM _genai.arrival a LIMIT %s FOR UPDATE SKIP LOCKED


-- settle_arrivals --
-- What was looked at leaves the queue; counted calls stay open. Parameter: ctids.
WITH looked_at AS (
    DELETE FROM _genai.arrival a WHERE a.ctid = ANY(%s::tid[]) RETURNING a.*
)
INSERT INTO _genai.open_call (trace_id, span_id, parent_span_id, call, time, received_at)
SELECT l.trace_id, l.span_id, l.parent_span_id, l.call, l.time, l.received_at
FROM looked_at l WHERE l.call IS NOT NULL


-- read_open_calls --
-- Counted calls of traces that another span may still complete. Parameter: traces.
SELECT uuid_send(o.trace_id), int8send(o.span_id), int8send(o.parent_span_id), uuid_send(o.call),
    (extract(epoch FROM o.time) * 1000000)::bigint - 946684800000000,
    (extract(epoch FROM o.received_at) * 1000000)::bigint - 946684800000000
FROM unnest(%s::uuid[]) AS t (trace_id) JOIN _genai.open_call o ON o.trace_id = t.trace_id


-- read_sightings --
-- Uncounted spans of traces. Parameter: traces.
SELECT uuid_send(s.trace_id), int8send(s.span_id), int8send(s.parent_span_id),
    (extract(epoch FROM s.received_at) * 1000000)::bigint - 946684800000000,
    uuid_send(s.of_call), (extract(epoch FROM s.of_time) * 1000000)::bigint - 946684800000000,
    s.wrapper, s.name, s.tags, s.attributes, s.call
FROM unnest(%s::uuid[]) AS t (trace_id) JOIN _genai.sighting s ON s.trace_id = t.trace_id


-- find_promotions --
-- Wrappers that were counted before an inner call came. Parameters: traces, spans.
SELECT uuid_send(p.trace_id), int8send(p.span_id), uuid_send(p.call),
    (extract(epoch FROM p.time) * 1000000)::bigint - 946684800000000
FROM unnest(%s::uuid[], %s::bigint[]) AS o (trace_id, span_id)
JOIN _genai.promotion p ON p.trace_id = o.trace_id AND p.span_id = o.span_id


-- add_promotions --
-- The keys that wrappers leave behind when they are counted. Parameters: traces, spans, calls, times.
INSERT INTO _genai.promotion (trace_id, span_id, call, time)
SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::timestamptz[]) ON CONFLICT DO NOTHING


-- find_stream_log --
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


-- read_duplicates --
-- Traces of the uncounted spans that are one call with counted ones. Parameter: calls.
SELECT DISTINCT uuid_send(s.trace_id) FROM unnest(%s::uuid[]) AS o (call)
JOIN _genai.sighting s ON s.of_call = o.call


-- read_places --
-- Which spans stand at these places. Parameters: first and last time, times, keys.
SELECT uuid_send(m.trace_id), int8send(m.span_id), int8send(m.parent_span_id), uuid_send(m.call_key),
    (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000,
    (extract(epoch FROM m.received_at) * 1000000)::bigint - 946684800000000
FROM unnest(%(times)s::timestamptz[], %(keys)s::uuid[]) AS o (time, key)
JOIN _genai.model_call m ON m.time = o.time AND m.call_key = o.key
WHERE m.time >= %(first)s AND m.time <= %(last)s AND m.trace_id IS NOT NULL AND m.span_id IS NOT NULL


-- serve_wrappers --
-- Wrappers that wait no more: an inner call is counted, or they are counted themselves. Parameters: traces, spans.
UPDATE _genai.sighting s SET wrapper = false
FROM unnest(%s::uuid[], %s::bigint[]) AS o (trace_id, span_id)
WHERE s.trace_id = o.trace_id AND s.span_id = o.span_id AND s.wrapper


-- forget_quiet_traces --
-- Traces that have been quiet for the window, with all that is known of them; wrappers that wait are settled first.
-- Of a trace that is never quiet what is older than four hours goes: its window, two hours, has long run out.
-- Parameters: the moments, rows looked at.
WITH old AS (
    SELECT DISTINCT o.trace_id FROM (
        (SELECT s.trace_id FROM _genai.sighting s WHERE s.received_at < %(before)s LIMIT %(rows)s)
        UNION ALL
        (SELECT c.trace_id FROM _genai.open_call c WHERE c.received_at < %(before)s LIMIT %(rows)s)
    ) AS o
), quiet AS (
    SELECT o.trace_id FROM old o
    WHERE NOT EXISTS (SELECT FROM _genai.sighting s
                      WHERE s.trace_id = o.trace_id AND (s.wrapper OR s.received_at >= %(before)s))
        AND NOT EXISTS (SELECT FROM _genai.open_call c WHERE c.trace_id = o.trace_id AND c.received_at >= %(before)s)
        AND NOT EXISTS (SELECT FROM _genai.arrival a WHERE a.trace_id = o.trace_id)
), endless AS (
    SELECT o.trace_id FROM old o WHERE o.trace_id NOT IN (SELECT q.trace_id FROM quiet q)
), old_calls AS (
    DELETE FROM _genai.open_call c USING endless e WHERE c.trace_id = e.trace_id AND c.received_at < %(oldest)s RETURNING 1
), old_sightings AS (
    DELETE FROM _genai.sighting s USING endless e
    WHERE s.trace_id = e.trace_id AND s.received_at < %(oldest)s AND NOT s.wrapper RETURNING 1
), calls AS (
    DELETE FROM _genai.open_call c USING quiet q WHERE c.trace_id = q.trace_id RETURNING 1
), sightings AS (
    DELETE FROM _genai.sighting s USING quiet q WHERE s.trace_id = q.trace_id RETURNING 1
)
SELECT (SELECT count(*) FROM calls) + (SELECT count(*) FROM sightings)
    + (SELECT count(*) FROM old_calls) + (SELECT count(*) FROM old_sightings)
