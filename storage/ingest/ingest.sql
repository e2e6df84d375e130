-- The statements of storage/ingest, each named, with a sentence on what it does (storage/statements.py).
-- ranges: storage/schema/measures.py

-- insert_keys --
-- Claim keys for calls; the row count says how many were new. Waits for an open transaction that holds one (LEDGER §2).
-- Parameters: keys, calls, times.
INSERT INTO _genai.call_key (key, call, time, received_at)
SELECT o.key, o.call, o.time, now()
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS o (key, call, time)
ORDER BY o.key
ON CONFLICT (key) DO NOTHING


-- insert_new_keys --
-- Claim keys of which none is expected to be known: half the cost of ON CONFLICT, whose speculative insertion looks
-- twice. A known key fails the statement, and with it the transaction; the batch then comes again by insert_keys.sql.
-- Parameters: keys, calls, times.
INSERT INTO _genai.call_key (key, call, time, received_at)
SELECT o.key, o.call, o.time, now()
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS o (key, call, time)
ORDER BY o.key


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


-- insert_arrivals --
-- The binder's queue: what another request may still change. A root is in it as well: a call inside of it that has no
-- response id is known by its place in the trace only, and takes the root's tags.
INSERT INTO _genai.arrival (trace_id, span_id, parent_span_id, call, time, received_at)
SELECT s.trace_id, s.span_id, s.parent_span_id, s.call_key, s.time, s.received_at
FROM pg_temp.staging s
WHERE s.trace_id IS NOT NULL AND s.span_id IS NOT NULL


-- insert_calls --
-- The accepted calls from the staging table to their place. A promoted wrapper (flag 4096) was not booked at ingest:
-- its money is a line of the ledger's book (book_promotions.sql), not a first cost.
INSERT INTO _genai.model_call (
    time, call_key, flags, requests, received_at, series_id, identity_id, folded, shape_id, status,
    usage_source, price_status, price_vector_id, price_map_id, cost_pico_usd, input_cost_pico_usd,
    output_cost_pico_usd, cache_read_cost_pico_usd, cache_write_cost_pico_usd, other_cost_pico_usd,
    input_tokens, output_tokens, cache_read_tokens, reasoning_tokens, cache_write_tokens,
    cache_write_1h_tokens, input_audio_tokens, output_audio_tokens, input_image_tokens, output_image_tokens,
    input_cached_audio_tokens, input_cached_image_tokens, latency_us, time_to_first_token_us, trace_id, span_id, parent_span_id, attempt, reported_cost_pico_usd,
    claimed_time, external_request_id, response_id, conversation_id, first_cost_pico_usd
)
SELECT
    s.time, s.call_key, s.flags, s.requests, s.received_at, s.series_id, s.identity_id, s.folded, s.shape_id,
    s.status, s.usage_source, s.price_status, s.price_vector_id, s.price_map_id, s.cost_pico_usd,
    s.input_cost_pico_usd, s.output_cost_pico_usd, s.cache_read_cost_pico_usd, s.cache_write_cost_pico_usd,
    s.other_cost_pico_usd, s.input_tokens, s.output_tokens, s.cache_read_tokens, s.reasoning_tokens,
    s.cache_write_tokens, s.cache_write_1h_tokens, s.input_audio_tokens, s.output_audio_tokens,
    s.input_image_tokens, s.output_image_tokens, s.input_cached_audio_tokens, s.input_cached_image_tokens, s.latency_us, s.time_to_first_token_us, s.trace_id,
    s.span_id, s.parent_span_id, s.attempt, s.reported_cost_pico_usd, s.claimed_time, s.external_request_id,
    s.response_id, s.conversation_id, CASE WHEN s.flags & 4096 = 0 THEN s.cost_pico_usd END
FROM pg_temp.staging s


-- measure_batch --
-- What the batch adds, by minute and series: the same definitions as view _genai.booked.
INSERT INTO pg_temp.slice (
    minute, series_id,
    {calls..latency_b23: #}
)
SELECT
    s.minute, s.booked_series_id,
    {calls..latency_b23= s sum}
FROM pg_temp.staging s
GROUP BY s.minute, s.booked_series_id


-- add_minutes --
-- Parameter: floor of the level, in buckets since 2000; nothing is written below it (LEDGER §11).
INSERT INTO _genai.usage_minute AS u (
    bucket, series_id,
    {calls..latency_b23: #}
)
SELECT
    '2000-01-01 00:00:00+00'::timestamptz + s.minute * interval '1 minute' AS bucket, s.series_id,
    {calls..latency_b23: s.#}
FROM pg_temp.slice s
WHERE s.minute >= %s::integer
ORDER BY s.minute, s.series_id
ON CONFLICT (bucket, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}


-- add_hours --
-- Parameter: floor of the level, in buckets since 2000; nothing is written below it (LEDGER §11).
INSERT INTO _genai.usage_hour AS u (
    bucket, series_id,
    {calls..latency_b23: #}
)
SELECT
    '2000-01-01 00:00:00+00'::timestamptz + (s.minute / 60) * interval '1 hour' AS bucket, s.series_id,
    {calls..latency_b23: _genai.total(s.#)}
FROM pg_temp.slice s
WHERE s.minute / 60 >= %s::integer
GROUP BY s.minute / 60, s.series_id
ORDER BY s.minute / 60, s.series_id
ON CONFLICT (bucket, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}


-- add_identity_hours --
-- Straight from staging: identities hardly repeat inside a batch. Parameter: floor of the level, in hours.
INSERT INTO _genai.usage_identity_hour AS u (
    bucket, identity_id, series_id,
    {calls..latency_b23: #}
)
SELECT
    '2000-01-01 00:00:00+00'::timestamptz + (s.minute / 60) * interval '1 hour' AS bucket,
    s.booked_identity_id, s.facet_id,
    {calls..latency_b23= s sum}
FROM pg_temp.staging s
WHERE s.minute / 60 >= %s::integer
GROUP BY s.minute / 60, s.booked_identity_id, s.facet_id
ORDER BY s.minute / 60, s.booked_identity_id, s.facet_id
ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}


-- add_identity_days --
-- Calls of days whose hours are folded already. Parameters: floor of the hours, floor of the days,
-- each in its buckets since 2000.
INSERT INTO _genai.usage_identity_day AS u (
    bucket, identity_id, series_id,
    {calls..latency_b23: #}
)
SELECT
    '2000-01-01 00:00:00+00'::timestamptz + (s.minute / 1440) * interval '24 hours' AS bucket,
    s.booked_identity_id, d.line_id,
    {calls..latency_b23= s sum}
FROM pg_temp.staging s JOIN _genai.series d ON d.id = s.booked_series_id
WHERE s.minute / 60 < %s::integer AND s.minute / 1440 >= %s::integer
GROUP BY s.minute / 1440, s.booked_identity_id, d.line_id
ORDER BY s.minute / 1440, s.booked_identity_id, d.line_id
ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}


-- mark_writer --
-- This writer is alive, and the oldest call it still holds. Parameters: writer, receipt of that call or NULL.
INSERT INTO _genai.writer_mark (writer, seen_at, holds_from) VALUES (%s, now(), %s)
ON CONFLICT (writer) DO UPDATE SET seen_at = excluded.seen_at, holds_from = excluded.holds_from


-- book_promotions --
-- Wrapper spans that became counted calls (flag 4096): their money was never booked at ingest, so the ledger's book
-- says where it came from (LEDGER §19). In the transaction that inserts them.
WITH run AS (
    INSERT INTO _genai.ledger_run (kind, finished_at, started_by, why, calls)
    SELECT 'promote', now(), 'spanledger', 'wrapper spans whose emitter sent no inner call', count(*)
    FROM pg_temp.staging s WHERE s.flags & 4096 <> 0
    HAVING count(*) > 0
    RETURNING id
)
INSERT INTO _genai.ledger_line (run_id, kind, day, environment, data_mode, provider, model, calls, cost_pico_usd)
SELECT r.id, 'promote', date_bin('1 day', s.time, 'epoch')::date, d.environment, d.data_mode, d.provider, d.model, count(*),
    coalesce(_genai.total(s.cost_pico_usd), 0)
FROM pg_temp.staging s JOIN _genai.series d ON d.id = s.series_id CROSS JOIN run r
WHERE s.flags & 4096 <> 0
GROUP BY r.id, date_bin('1 day', s.time, 'epoch')::date, d.environment, d.data_mode, d.provider, d.model


-- add_freshness --
-- Parameters: minutes (timestamptz[]), histogram buckets, calls.
INSERT INTO _genai.freshness_minute AS f (minute, bucket, calls)
SELECT o.minute, o.bucket, o.calls FROM unnest(%s::timestamptz[], %s::smallint[], %s::bigint[]) AS o (minute, bucket, calls)
ORDER BY o.minute, o.bucket
ON CONFLICT (minute, bucket) DO UPDATE SET calls = f.calls + excluded.calls


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


-- create_staging --
-- Once per connection (LEDGER §21): the batch as it arrives, and what it adds by minute and series.
CREATE TEMPORARY TABLE staging (
    minute             integer  NOT NULL,  -- since 2000
    latency_bucket     smallint NOT NULL,
    booked_series_id   bigint   NOT NULL,  -- as rollups know it: values beyond their day's cap are `__other__`
    facet_id           bigint   NOT NULL,  -- of the booked series
    booked_identity_id bigint   NOT NULL,
    awaits_ancestor    boolean  NOT NULL,  -- see insert_arrivals.sql
    LIKE _genai.model_call
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE slice (
    minute    integer NOT NULL,
    series_id bigint  NOT NULL,
    LIKE _genai.measure
) ON COMMIT DELETE ROWS
