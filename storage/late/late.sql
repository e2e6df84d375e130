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


-- take_arrivals --
-- The next of what the binder has not looked at leaves the queue; counted calls stay open. Answers how many that were, and
-- those to look at: a call of whose trace nothing else is known is left out, for nothing follows from it. The subqueries
-- have no other plan than a probe for each; in the order of the index they and the insertions cost a fifth less. The services
-- of two vocabularies are read here, for they have to be those of the moment at which the calls are taken. Parameter: rows.
WITH taken AS (
    DELETE FROM _genai.arrival a WHERE a.ctid = ANY (ARRAY(SELECT b.ctid FROM _genai.arrival b LIMIT %s))
    RETURNING a.*
), twofold_service AS MATERIALIZED (
    SELECT d.service_name FROM _genai.service_dialect d WHERE d.service_name <> 'unknown' AND d.dialect <> 'report'
    GROUP BY d.service_name HAVING count(*) > 1
), sorted AS MATERIALIZED (
    SELECT t.*, count(*) OVER (PARTITION BY t.trace_id) AS spans FROM taken t
), opened AS (
    INSERT INTO _genai.open_call (trace_id, span_id, parent_span_id, call, time, received_at)
    SELECT t.trace_id, t.span_id, t.parent_span_id, t.call, t.time, t.received_at FROM sorted t WHERE t.call IS NOT NULL
), known AS (
    SELECT t.trace_id, t.span_id, t.received_at, t.call IS NULL OR t.spans > 1
        OR sighted.yes OR opened.yes OR unread.yes OR promoted.yes OR twofold.yes AS is_known
    FROM sorted t
    LEFT JOIN LATERAL (SELECT true AS yes FROM _genai.sighting s WHERE s.trace_id = t.trace_id LIMIT 1) sighted ON true
    LEFT JOIN LATERAL (SELECT true AS yes FROM _genai.open_call o WHERE o.trace_id = t.trace_id LIMIT 1) opened ON true
    LEFT JOIN LATERAL (
        SELECT true AS yes FROM _genai.unread_span u WHERE u.trace_id = t.trace_id AND NOT u.repeats LIMIT 1
    ) unread ON true
    LEFT JOIN LATERAL (
        SELECT true AS yes FROM _genai.promotion p WHERE p.trace_id = t.trace_id AND p.span_id = t.parent_span_id LIMIT 1
    ) promoted ON true
    LEFT JOIN LATERAL (
        SELECT true AS yes FROM _genai.model_call m JOIN _genai.series r ON r.id = m.series_id
        WHERE EXISTS (SELECT FROM twofold_service) AND m.time = t.time AND m.call_key = t.call
            AND r.service_name IN (SELECT w.service_name FROM twofold_service w)
        LIMIT 1
    ) twofold ON true
)
SELECT count(*), array_agg(uuid_send(k.trace_id)) FILTER (WHERE k.is_known),
    array_agg(int8send(k.span_id)) FILTER (WHERE k.is_known),
    array_agg((extract(epoch FROM k.received_at) * 1000000)::bigint - 946684800000000) FILTER (WHERE k.is_known)
FROM known k


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


-- find_stream_logs --
-- The waiting halves of Logfire's streams, each with the counted logs that may be its other half: the log is in a trace of
-- its own, it began when the span ended, and only its start is worked out from its duration (receiver/dialects/logfire.py).
-- The nearest first.
SELECT uuid_send(h.trace_id), int8send(h.span_id),
    (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000, uuid_send(m.call_key), m.latency_us IS NOT NULL
FROM (
    SELECT w.trace_id, w.span_id, w.call ->> 'dialect' AS dialect, w.call ->> 'request_model' AS request_model,
        coalesce(w.call ->> 'service_name', 'unknown') AS service_name,
        timestamptz 'epoch' + interval '1 microsecond'
            * ((w.call ->> 'time_ns')::bigint / 1000 + coalesce((w.call ->> 'latency_us')::bigint, 0)) AS "end"
    FROM _genai.sighting w WHERE w.wrapper AND w.call ->> 'part' = 'half'
        AND NOT EXISTS (SELECT FROM _genai.sighting o WHERE o.trace_id = w.trace_id AND o.span_id = w.span_id
            AND (o.of_call IS NOT NULL OR o.call ->> 'part' = 'own'))
) AS h
JOIN _genai.model_call m ON m.time >= h."end" - interval '5 seconds' AND m.time <= h."end" + interval '5 seconds'
JOIN _genai.shape p ON p.id = m.shape_id
JOIN _genai.reading r ON r.id = p.reading_id
JOIN _genai.series s ON s.id = m.series_id
WHERE m.merged_into IS NULL AND m.flags & 4096 = 0 AND r.sources @> '[["time_ns", "duration", 10]]' AND p.streaming
    AND r.dialect = h.dialect AND p.request_model IS NOT DISTINCT FROM h.request_model AND s.service_name = h.service_name
ORDER BY greatest(m.time - h."end", h."end" - m.time), h.span_id, m.span_id


-- pair_halves --
-- Let halves of streams be one call with their logs, and the binder look at them: a half ends at the first byte, a log that
-- knows its length knows the call's. Parameters: traces, spans, calls, times, whether the log knows, flag of no length.
WITH paired AS (
    UPDATE _genai.sighting s SET wrapper = false, of_call = o.call, of_time = o.time,
        call = CASE WHEN o.has_length THEN (s.call - 'latency_us')
            || jsonb_build_object('flags', coalesce((s.call ->> 'flags')::int, 0) | %s) ELSE s.call END
    FROM unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::timestamptz[], %s::boolean[])
        AS o (trace_id, span_id, call, time, has_length)
    WHERE s.trace_id = o.trace_id AND s.span_id = o.span_id AND s.wrapper
    RETURNING s.trace_id, s.span_id, s.parent_span_id, s.received_at
)
INSERT INTO _genai.arrival (trace_id, span_id, parent_span_id, received_at) SELECT * FROM paired


-- read_twofold_services --
-- Services that tell calls in two vocabularies.
SELECT d.service_name FROM _genai.service_dialect d WHERE d.service_name <> 'unknown' AND d.dialect <> 'report'
GROUP BY d.service_name HAVING count(*) > 1


-- find_alike --
-- Calls of these services of that time that count as another one does, those that count the same one after the other by
-- time. Without a join of both: a plan made before the first ANALYZE would compare each with each. Parameters: first and
-- last time, services, how far to look, flag of calls from logs.
SELECT n.service_name, n.is_error, n.inputs, n.outputs,
    (extract(epoch FROM n.time) * 1000000)::bigint - 946684800000000 AS time_us, uuid_send(n.call_key)
FROM (
    SELECT m.time, m.call_key, s.service_name, m.status = 2 AS is_error, m.input_tokens AS inputs,
        m.output_tokens AS outputs,
        count(*) OVER (PARTITION BY s.service_name, m.status = 2, m.input_tokens, m.output_tokens) AS calls
    FROM _genai.model_call m JOIN _genai.series s ON s.id = m.series_id
    WHERE m.time >= %(first)s::timestamptz - %(reach)s::interval
        AND m.time <= %(last)s::timestamptz + %(reach)s::interval
        AND m.flags & %(from_log)s = 0 AND m.trace_id IS NOT NULL AND s.service_name = ANY(%(services)s)
        AND (m.input_tokens IS NOT NULL OR m.output_tokens IS NOT NULL OR m.status = 2)
) AS n
WHERE n.calls > 1
ORDER BY 1, 2, 3, 4, 5, 6


-- queue_again --
-- Let the binder look at these calls once more, unless their window has run out.
-- Parameters: first and last time, times, keys.
INSERT INTO _genai.arrival (trace_id, span_id, parent_span_id, call, time, received_at)
SELECT m.trace_id, m.span_id, m.parent_span_id, m.call_key, m.time, m.received_at
FROM unnest(%(times)s::timestamptz[], %(keys)s::uuid[]) AS o (time, key)
JOIN _genai.model_call m ON m.time = o.time AND m.call_key = o.key
WHERE m.time >= %(first)s AND m.time <= %(last)s AND m.trace_id IS NOT NULL AND m.span_id IS NOT NULL
    AND EXISTS (SELECT FROM _genai.open_call c WHERE c.trace_id = m.trace_id AND c.call = m.call_key)


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
-- Each trace is probed by itself (OFFSET 0): a join would read the calls of the whole window, every second.
-- Parameters: the moments, rows looked at.
WITH old AS MATERIALIZED (
    SELECT DISTINCT o.trace_id FROM (
        (SELECT s.trace_id FROM _genai.sighting s WHERE s.received_at < %(before)s ORDER BY s.received_at LIMIT %(rows)s)
        UNION ALL
        (SELECT c.trace_id FROM _genai.open_call c WHERE c.received_at < %(before)s ORDER BY c.received_at LIMIT %(rows)s)
    ) AS o
), known AS MATERIALIZED (
    SELECT o.trace_id, k.sighting, k.call, k.received_at, k.waits
    FROM old o CROSS JOIN LATERAL (
        SELECT s.ctid AS sighting, NULL::tid AS call, s.received_at, s.wrapper AS waits
        FROM _genai.sighting s WHERE s.trace_id = o.trace_id
        UNION ALL
        SELECT NULL, c.ctid, c.received_at, false FROM _genai.open_call c WHERE c.trace_id = o.trace_id
        OFFSET 0
    ) k
), gone AS MATERIALIZED (
    SELECT w.sighting, w.call FROM (
        SELECT k.*, bool_or(k.waits OR k.received_at >= %(before)s) OVER (PARTITION BY k.trace_id)
            OR k.trace_id IN (SELECT a.trace_id FROM _genai.arrival a) AS is_open
        FROM known k
    ) w
    WHERE NOT w.is_open OR (w.received_at < %(oldest)s AND NOT w.waits)
), calls AS (
    DELETE FROM _genai.open_call c WHERE c.ctid = ANY (ARRAY(SELECT g.call FROM gone g WHERE g.call IS NOT NULL)) RETURNING 1
), sightings AS (
    DELETE FROM _genai.sighting s WHERE s.ctid = ANY (ARRAY(SELECT g.sighting FROM gone g WHERE g.sighting IS NOT NULL))
    RETURNING 1
)
SELECT (SELECT count(*) FROM calls) + (SELECT count(*) FROM sightings)
