-- The statements of storage/ingest, each named, with a sentence on what it does (storage/statements.py).

-- insert_keys --
-- Claim keys for calls; the row count says how many were new. Waits for an open transaction that holds one (LEDGER §2).
-- Parameters: keys, calls, times.
INSERT INTO _genai.call_key (key, call, time, received_at)
SELECT o.key, o.call, o.time, now()
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS o (key, call, time)
ORDER BY o.key
ON CONFLICT (key) DO NOTHING


-- copy_new_keys --
-- Claim keys of which none is expected to be known, sorted; half the cost of ON CONFLICT, whose speculative insertion looks
-- twice. A known key fails the statement, and with it the transaction; the batch then comes again by insert_keys.
COPY _genai.call_key (key, call, time) FROM STDIN (FORMAT binary)


-- find_owners --
-- Who had claimed these keys before this transaction, with what decides whether it is the same call (LEDGER §1).
-- A row of this transaction carries its id as xmin. Times in microseconds since 2000. Parameter: keys.
SELECT uuid_send(k.key), uuid_send(k.call), (extract(epoch FROM k.time) * 1000000)::bigint - 946684800000000,
    (extract(epoch FROM coalesce(m.claimed_time, k.time)) * 1000000)::bigint - 946684800000000, m.latency_us, m.flags, m.input_tokens, m.output_tokens
FROM unnest(%s::uuid[]) AS o (key)
JOIN _genai.call_key k ON k.key = o.key
LEFT JOIN _genai.model_call m ON m.time = k.time AND m.call_key = k.call
WHERE k.xmin <> pg_current_xact_id()::xid


-- point_keys --
-- Let keys lead to other calls. Parameters: keys, calls, times.
UPDATE _genai.call_key k SET call = o.call, time = o.time
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS o (key, call, time)
WHERE k.key = o.key


-- read_floors --
-- Floors in microseconds since 2000. Retention raises a floor before it deletes; until this transaction ends
-- it waits (LEDGER §11).
SELECT f.level, (extract(epoch FROM greatest(f.time, '2000-01-01 00:00:00+00')) * 1000000)::bigint - 946684800000000
FROM _genai.floor f ORDER BY f.level FOR SHARE


-- copy_sightings --
-- Keep spans that are not counted, for late binding.
COPY _genai.sighting (
    received_at, trace_id, span_id, parent_span_id, wrapper, of_call, of_time, name, reason, tags, call, attributes
) FROM STDIN (FORMAT binary)


-- copy_quarantine --
-- Keep what was rejected.
COPY _genai.quarantine (received_at, trace_id, span_id, name, reason, detail) FROM STDIN (FORMAT binary)


-- copy_arrivals --
-- Put spans into the binding queue.
COPY _genai.arrival (trace_id, span_id, parent_span_id, call, time, received_at) FROM STDIN (FORMAT binary)


-- mark_writer --
-- This writer is alive, and the oldest call it still holds; returns whether so many postings wait for the folder, for so
-- long, that no more should come. Fails where the watermark is about to take the writer for dead, so that the transaction
-- does. Parameters: writer, receipt of that call or NULL, whether it may have been silent, bytes, seconds.
INSERT INTO _genai.writer_mark AS m (writer, seen_at, holds_from) VALUES (%s, now(), %s)
ON CONFLICT (writer) DO UPDATE SET holds_from = excluded.holds_from, seen_at =
    CASE WHEN %s OR m.seen_at > clock_timestamp() - interval '25 seconds' THEN excluded.seen_at
        ELSE _genai.writer_lapsed() END
RETURNING pg_relation_size('_genai.posting') > %s
    AND (SELECT s.sums_to FROM _genai.fold_state s) < now() - %s * interval '1 second'


-- book_promotions --
-- Wrapper spans that became counted calls (flag 4096): their money was never booked at ingest, so the ledger's book
-- says where it came from (LEDGER §19). In the transaction that inserts them. Parameters: keys, first and last time.
WITH promoted AS MATERIALIZED (
    SELECT m.time, m.series_id, m.cost_pico_usd FROM _genai.model_call m
    WHERE m.call_key = ANY (%(keys)s::uuid[]) AND m.time >= %(first)s AND m.time <= %(last)s
), run AS (
    INSERT INTO _genai.ledger_run (kind, finished_at, started_by, why, calls)
    SELECT 'promote', now(), 'spanledger', 'wrapper spans whose emitter sent no inner call', count(*)
    FROM promoted p
    HAVING count(*) > 0
    RETURNING id
)
INSERT INTO _genai.ledger_line (run_id, kind, day, environment, data_mode, provider, model, calls, cost_pico_usd)
SELECT r.id, 'promote', date_bin('1 day', p.time, 'epoch')::date, d.environment, d.data_mode, d.provider, d.model, count(*),
    coalesce(_genai.total(p.cost_pico_usd), 0)
FROM promoted p JOIN _genai.series d ON d.id = p.series_id CROSS JOIN run r
GROUP BY r.id, date_bin('1 day', p.time, 'epoch')::date, d.environment, d.data_mode, d.provider, d.model


-- add_resends --
-- Calls that came again, in the minute of the delivery. Parameters: environments, data modes, services, calls.
INSERT INTO _genai.resend_minute AS r (minute, environment, data_mode, service_name, calls)
SELECT date_bin('1 minute', now(), 'epoch'), o.environment, o.data_mode, o.service_name, o.calls
FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS o (environment, data_mode, service_name, calls)
ORDER BY o.environment, o.data_mode, o.service_name
ON CONFLICT (minute, environment, data_mode, service_name) DO UPDATE SET calls = r.calls + excluded.calls


-- add_unread_sources --
-- New sources of unread usage while there is room; keys are joined by U+001F.
-- Parameters: ids, environments, data modes, services, scopes, versions, keys, rows at most.
INSERT INTO _genai.unread_source (id, environment, data_mode, service_name, scope, version, keys)
SELECT o.id, o.environment, o.data_mode, o.service_name, o.scope, o.version,
    coalesce(string_to_array(nullif(o.keys, ''), E'\x1f'), '{}')
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS o (id, environment, data_mode, service_name, scope, version, keys)
WHERE o.environment = '__other__' OR (SELECT count(*) FROM _genai.unread_source) < %s
ORDER BY o.id
ON CONFLICT (id) DO NOTHING


-- add_unread --
-- Unread spans that are new, and their figures; a span that came before changes nothing. A source without room is booked
-- under the one in its place. Below the floor of the minutes a bucket is an hour.
-- Parameters: keys, traces, spans, times, receipts, sources, sources in their place, floor of the minutes.
WITH added AS (
    INSERT INTO _genai.unread_span (key, trace_id, span_id, bucket, source_id, time, received_at)
    SELECT DISTINCT ON (o.key) o.key, o.trace_id, o.span_id,
        date_bin(CASE WHEN o.time < to_timestamp(%(minute)s) THEN interval '1 hour' ELSE interval '1 minute' END,
            o.time, 'epoch'),
        coalesce(s.id, o.other_id), o.time, o.received_at
    FROM unnest(
        %(keys)s::uuid[], %(traces)s::uuid[], %(spans)s::bigint[], %(times)s::timestamptz[], %(received)s::timestamptz[],
        %(sources)s::bigint[], %(others)s::bigint[]
    ) AS o (key, trace_id, span_id, time, received_at, source_id, other_id)
    LEFT JOIN _genai.unread_source s ON s.id = o.source_id
    ORDER BY o.key, o.time
    ON CONFLICT (key) DO NOTHING
    RETURNING bucket, source_id, time
)
INSERT INTO _genai.unread AS u (bucket, source_id, spans, first_at, last_at)
SELECT a.bucket, a.source_id, count(*), min(a.time), max(a.time)
FROM added a
GROUP BY a.bucket, a.source_id
ORDER BY a.bucket, a.source_id
ON CONFLICT (bucket, source_id) DO UPDATE SET
    spans = u.spans + excluded.spans, first_at = least(u.first_at, excluded.first_at),
    last_at = greatest(u.last_at, excluded.last_at)


-- retract_unread --
-- Unread spans of traces that prove to lie around or inside of a counted call, as far as the spans between have come, or
-- that are counted now since their vocabulary is mapped: they leave the figures. Parameter: traces.
WITH RECURSIVE unread AS MATERIALIZED (
    SELECT u.trace_id, u.span_id, u.key
    FROM unnest(%s::uuid[]) AS t (trace_id) JOIN _genai.unread_span u ON u.trace_id = t.trace_id AND NOT u.repeats
), span AS MATERIALIZED (
    SELECT s.trace_id, s.span_id, s.parent_span_id, s.of_call IS NOT NULL AS is_call
    FROM _genai.sighting s WHERE s.trace_id IN (SELECT u.trace_id FROM unread u)
    UNION
    SELECT c.trace_id, c.span_id, c.parent_span_id, true
    FROM _genai.open_call c WHERE c.trace_id IN (SELECT u.trace_id FROM unread u)
), line AS (
    SELECT s.trace_id, s.span_id AS begun, s.is_call, s.parent_span_id AS above, 1 AS depth
    FROM span s
    WHERE s.is_call OR (s.trace_id, s.span_id) IN (SELECT u.trace_id, u.span_id FROM unread u)
    UNION ALL
    SELECT l.trace_id, l.begun, l.is_call, s.parent_span_id, l.depth + 1
    FROM line l JOIN span s ON s.trace_id = l.trace_id AND s.span_id = l.above AND l.depth < 64
), repeating AS MATERIALIZED (
    SELECT u.key FROM unread u
    WHERE EXISTS (
            SELECT FROM line l WHERE l.is_call AND l.trace_id = u.trace_id AND u.span_id IN (l.above, l.begun))
        OR EXISTS (
            SELECT FROM line l JOIN span c ON c.is_call AND c.trace_id = l.trace_id AND c.span_id = l.above
            WHERE NOT l.is_call AND l.trace_id = u.trace_id AND l.begun = u.span_id)
), gone AS (
    UPDATE _genai.unread_span u SET repeats = true FROM repeating r WHERE u.key = r.key AND NOT u.repeats
    RETURNING u.bucket, u.source_id
)
UPDATE _genai.unread f SET spans = f.spans - g.spans
FROM (SELECT g.bucket, g.source_id, count(*) AS spans FROM gone g GROUP BY g.bucket, g.source_id) g
WHERE f.bucket = g.bucket AND f.source_id = g.source_id
