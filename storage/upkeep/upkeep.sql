-- The statements of storage/upkeep, each named, with a sentence on what it does (storage/statements.py).
-- ranges: storage/schema/measures.py

-- span_of_calls --
-- First and last kept call above the raw floor.
SELECT min(m.time), max(m.time) FROM _genai.model_call m
WHERE m.time >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')


-- unanalysed_calls --
-- Tables of calls, chunks too, that hold rows and were never analysed: plans over them are guesses.
WITH RECURSIVE tree (id) AS (
    SELECT '_genai.model_call'::regclass::oid
    UNION ALL
    SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.id = i.inhparent
)
SELECT format('%I.%I', n.nspname, c.relname)
FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.id JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.reltuples < 0 AND pg_catalog.pg_relation_size(c.oid) > 0


-- checkable --
-- What there is to compare: first and last call, and the floors; NULL for a floor that was never raised.
SELECT (SELECT min(m.time) FROM _genai.model_call m WHERE m.time >= f.raw),
    (SELECT max(m.time) FROM _genai.model_call m), nullif(f.raw, '-infinity'), nullif(f.folded, '-infinity')
FROM (
    SELECT max(f.time) FILTER (WHERE f.level = 'raw') AS raw,
        max(f.time) FILTER (WHERE f.level = 'identity_hour') AS folded
    FROM _genai.floor f
) f


-- compare_rollups --
-- How many buckets of a slice differ from their calls, or days that end with it from their hours, or a week from its days,
-- and the first that does. Parameters: start, end.
SELECT count(*) OVER (), d.level, d.bucket, d.series_id, d.identity_id, d.difference
FROM (
    SELECT * FROM _genai.rollup_difference(%(start)s, %(end)s)
    UNION ALL
    SELECT * FROM _genai.day_sum_difference(%(start)s, %(end)s)
    UNION ALL
    SELECT * FROM _genai.week_sum_difference(%(start)s, %(end)s)
) d
ORDER BY d.bucket, d.level, d.series_id, d.identity_id
LIMIT 1


-- find_uneven --
-- Whether the sums of a slice, or of the day or week that ends with it, differ at all. Parameters: start, end.
SELECT d.level FROM _genai.rollup_uneven(%(start)s, %(end)s) d
UNION ALL
SELECT d.level FROM _genai.day_sum_difference(%(start)s, %(end)s) d
UNION ALL
SELECT d.level FROM _genai.week_sum_difference(%(start)s, %(end)s) d
LIMIT 1


-- written_slices --
-- Compared slices that calls or amendments have reached since: a key bears its receipt, and an amendment the day that it
-- changes. Parameters: since (NULL: the last look at anything), margin.
WITH since AS (
    SELECT coalesce(%(since)s::timestamptz, max(c.checked_at) - %(margin)s::interval) AS time FROM _genai.rollup_check c
), reached AS (
    SELECT DISTINCT date_bin('1 hour', k.time, 'epoch') AS first, date_bin('1 hour', k.time, 'epoch') AS last
    FROM since s JOIN _genai.call_key k ON k.received_at > s.time
    UNION ALL
    SELECT DISTINCT l.day::timestamptz, l.day::timestamptz + interval '24 hours'
    FROM since s JOIN _genai.ledger_run r ON r.finished_at IS NULL OR r.finished_at > s.time
    JOIN _genai.ledger_line l ON l.run_id = r.id AND l.at > s.time
)
SELECT DISTINCT c.from_time FROM _genai.rollup_check c JOIN reached r ON c.from_time <= r.last AND c.to_time > r.first


-- note_rollup_check --
-- What a look at a slice found. Parameters: start, end, differences, level, bucket, series_id, identity_id, difference.
INSERT INTO _genai.rollup_check AS c (
    from_time, to_time, differences, level, bucket, series_id, identity_id, difference)
VALUES (%(start)s, %(end)s, %(differences)s, %(level)s, %(bucket)s, %(series_id)s, %(identity_id)s, %(difference)s)
ON CONFLICT (from_time) DO UPDATE SET to_time = excluded.to_time, checked_at = now(),
    differences = excluded.differences, level = excluded.level, bucket = excluded.bucket,
    series_id = excluded.series_id, identity_id = excluded.identity_id, difference = excluded.difference


-- forget_rollup_checks --
-- Looks at slices that can no longer be compared: below the raw floor, or hours of a day that was folded.
DELETE FROM _genai.rollup_check c
WHERE c.from_time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
    OR c.to_time - c.from_time < interval '1 day'
        AND c.from_time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'identity_hour')


-- due_days --
-- Days to sum, the newest first: ended before `before`, with hours or stale sums. Parameters: before (NULL: six hours
-- ago), limit.
SELECT d.level, d.bucket FROM (
    SELECT s.level, s.bucket FROM _genai.summed_day s WHERE s.stale
    UNION
    SELECT l.level, g.day
    FROM (
        SELECT 'hour' AS level, min(u.bucket) AS first, max(u.bucket) AS last FROM _genai.usage_hour u
        UNION ALL
        SELECT 'identity_hour', min(u.bucket), max(u.bucket) FROM _genai.usage_identity_hour u
    ) l
    CROSS JOIN LATERAL generate_series(
        date_bin('24 hours', l.first, 'epoch'), l.last, interval '24 hours') g (day)
    WHERE NOT EXISTS (SELECT FROM _genai.summed_day s WHERE s.level = l.level AND s.bucket = g.day)
) d
WHERE d.bucket + interval '24 hours' <= coalesce(%(before)s::timestamptz, now() - interval '6 hours')
ORDER BY d.bucket DESC, d.level
LIMIT %(limit)s


-- lock_day_sum --
-- Wait for changes of the day's hours that are under way, and let further ones wait. Parameters: day.
SELECT pg_advisory_xact_lock(hashtext('spanledger.day_sum'), (extract(epoch FROM %(day)s::timestamptz) / 86400)::integer)


-- keep_day_sum --
-- From now on the day may be read; `version` tells who keeps what it read that the day was summed again. Parameters: level, day.
INSERT INTO _genai.summed_day (level, bucket, stale, version)
VALUES (%(level)s, %(day)s, false, pg_current_xact_id()::text::bigint)
ON CONFLICT (level, bucket) DO UPDATE SET stale = false, version = excluded.version


-- delete_minutes --
-- One slice of buckets below their floor. Parameter: rows.
DELETE FROM _genai.usage_minute u WHERE u.ctid = ANY (ARRAY(
    SELECT o.ctid FROM _genai.usage_minute o
    WHERE o.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'minute') ORDER BY o.bucket LIMIT %s))


-- delete_hours --
-- One slice of buckets below their floor. Parameter: rows.
DELETE FROM _genai.usage_hour u WHERE u.ctid = ANY (ARRAY(
    SELECT o.ctid FROM _genai.usage_hour o
    WHERE o.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'hour') ORDER BY o.bucket LIMIT %s))


-- delete_identity_days --
-- One slice of buckets below their floor. Parameter: rows.
DELETE FROM _genai.usage_identity_day u WHERE u.ctid = ANY (ARRAY(
    SELECT o.ctid FROM _genai.usage_identity_day o
    WHERE o.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'identity_day') ORDER BY o.bucket LIMIT %s))


-- delete_keys --
-- One slice of keys whose calls are gone: a call is received at the earliest ten minutes before its time
-- (LEDGER §8). Parameter: rows.
DELETE FROM _genai.call_key k WHERE k.ctid = ANY (ARRAY(
    SELECT o.ctid FROM _genai.call_key o
    WHERE o.received_at < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw') - interval '1 hour' LIMIT %s))


-- delete_sightings --
-- Late binding forgets a trace when its window has run out (LEDGER §23); this is for what it left, where it never ran.
DELETE FROM _genai.sighting s WHERE s.received_at < now() - interval '1 day'


-- sum_freshness --
-- The freshness of finished days from their minutes, an hour after their end; and no day of more than a year ago.
WITH gone AS (
    DELETE FROM _genai.freshness_day d WHERE d.day < current_date - 366
)
INSERT INTO _genai.freshness_day (day, bucket, calls)
SELECT (f.minute AT TIME ZONE 'UTC')::date, f.bucket, sum(f.calls)
FROM _genai.freshness_minute f
WHERE f.minute < date_bin('1 day', now() - interval '1 hour', 'epoch')
    AND f.minute >= coalesce(
        (SELECT (max(d.day) + 1)::timestamp AT TIME ZONE 'UTC' FROM _genai.freshness_day d), '-infinity')
GROUP BY 1, 2
ON CONFLICT DO NOTHING


-- delete_old_traces --
-- What only the last hours and days need. Parameter: days of quarantine and freshness.
WITH opened AS (
    DELETE FROM _genai.open_call o WHERE o.received_at < now() - interval '1 day'
), promoted AS (
    DELETE FROM _genai.promotion p WHERE p.time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
), marks AS (
    DELETE FROM _genai.writer_mark w WHERE w.seen_at < now() - interval '1 day'
), days AS (
    DELETE FROM _genai.dimension_day d
    WHERE d.day < (SELECT greatest(f.time, '2000-01-01') FROM _genai.floor f WHERE f.level = 'raw')::date
), resent AS (
    DELETE FROM _genai.resend_minute r WHERE r.minute < now() - %(days)s * interval '1 day'
), refused AS (
    DELETE FROM _genai.quarantine q WHERE q.received_at < now() - %(days)s * interval '1 day'
)
DELETE FROM _genai.freshness_minute f WHERE f.minute < now() - %(days)s * interval '1 day'


-- fold_unread --
-- Minutes of unread usage below the floor of the minutes become hours.
WITH old AS (
    DELETE FROM _genai.unread u
    WHERE u.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'minute')
        AND u.bucket <> date_bin('1 hour', u.bucket, 'epoch')
    RETURNING u.*
)
INSERT INTO _genai.unread AS u (bucket, source_id, spans, first_at, last_at)
SELECT date_bin('1 hour', o.bucket, 'epoch'), o.source_id, sum(o.spans), min(o.first_at), max(o.last_at)
FROM old o
GROUP BY 1, o.source_id
ORDER BY 1, o.source_id
ON CONFLICT (bucket, source_id) DO UPDATE SET
    spans = u.spans + excluded.spans, first_at = least(u.first_at, excluded.first_at),
    last_at = greatest(u.last_at, excluded.last_at)


-- delete_unread --
-- Unread usage below the floor of the hours, its spans as the keys of calls, and sources of which nothing is left.
WITH spans AS (
    DELETE FROM _genai.unread_span s
    WHERE s.received_at < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw') - interval '1 hour'
), figures AS (
    DELETE FROM _genai.unread u WHERE u.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'hour')
)
DELETE FROM _genai.unread_source s
WHERE NOT EXISTS (SELECT FROM _genai.unread u WHERE u.source_id = s.id)
    AND NOT EXISTS (SELECT FROM _genai.unread_span u WHERE u.source_id = s.id)


-- end_long_reads --
-- A role's statement_timeout is a default that a session may change; this is the limit (LEDGER §17).
SELECT count(*) FILTER (WHERE pg_cancel_backend(a.pid)) FROM pg_stat_activity a
WHERE a.usename = 'grafana_reader' AND a.state = 'active' AND a.query_start < now() - interval '30 seconds'


-- raise_floor --
-- Waits for the writers that have read the old floor, and is the last word for all later ones (LEDGER §11).
-- Parameters: time, level.
UPDATE _genai.floor f SET time = greatest(f.time, %s) WHERE f.level = %s


-- close_days --
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


-- delete_calls --
-- One slice of rows below the raw floor; plain PostgreSQL, and what drop_chunks left. Parameter: rows.
DELETE FROM _genai.model_call m WHERE m.time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
    AND (m.tableoid, m.ctid) IN (
        SELECT o.tableoid, o.ctid FROM _genai.model_call o
        WHERE o.time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw') ORDER BY o.time LIMIT %s)


-- fold_identities --
-- The identity hours of one day become a day, without the endpoint (LEDGER §9). Parameters: day, day.
WITH hours AS (
    DELETE FROM _genai.usage_identity_hour u WHERE u.bucket >= %(day)s AND u.bucket < %(day)s + interval '24 hours'
    RETURNING u.*
)
INSERT INTO _genai.usage_identity_day AS u (
    bucket, identity_id, series_id,
    {calls..latency_b23: #}
)
SELECT
    %(day)s, u.identity_id, s.line_id,
    {calls..latency_b23: _genai.total(u.#)}
FROM hours u JOIN _genai.series s ON s.id = u.series_id
GROUP BY u.identity_id, s.line_id
ORDER BY u.identity_id, s.line_id
ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}


-- delete_hour_day --
-- Drop the day sum of series, before it is summed again.
DELETE FROM _genai.usage_day d WHERE d.bucket = %(day)s


-- delete_identity_hour_day --
-- Drop the day sum of people, before it is summed again.
DELETE FROM _genai.usage_person_day d WHERE d.bucket = %(day)s


-- sum_hour_day --
-- The day's hours by series. Parameters: day.
INSERT INTO _genai.usage_day (bucket, series_id, {calls..latency_b23: #})
SELECT %(day)s, u.series_id, {calls..latency_b23: sum(u.#)}
FROM _genai.usage_hour u
WHERE u.bucket >= %(day)s AND u.bucket < %(day)s::timestamptz + interval '24 hours'
GROUP BY u.series_id
ORDER BY u.series_id


-- sum_identity_hour_day --
-- The day's identity hours by person. Parameters: day.
INSERT INTO _genai.usage_person_day (
    bucket, identity_id, environment, data_mode, {calls..errors: #}, {input_tokens..output_tokens: #}, unpriced_calls,
    cost_pico_usd)
SELECT %(day)s, u.identity_id, s.environment, s.data_mode, {calls..errors: sum(u.#)},
    {input_tokens..output_tokens: sum(u.#)}, sum(u.unpriced_calls),
    coalesce(sum(u.input_cost_pico_usd), 0) + coalesce(sum(u.cache_read_cost_pico_usd), 0)
        + coalesce(sum(u.cache_write_cost_pico_usd), 0) + coalesce(sum(u.output_cost_pico_usd), 0)
        + coalesce(sum(u.other_cost_pico_usd), 0)
FROM _genai.usage_identity_hour u JOIN _genai.series s ON s.id = u.series_id
WHERE u.bucket >= %(day)s AND u.bucket < %(day)s::timestamptz + interval '24 hours'
GROUP BY u.identity_id, s.environment, s.data_mode
ORDER BY u.identity_id, s.environment, s.data_mode


-- stale_weeks --
-- Weeks of which a day has changed.
SELECT w.level, w.bucket FROM _genai.summed_week w WHERE w.stale ORDER BY w.bucket DESC, w.level


-- forget_week --
-- The week is not summed, unless somebody has summed it again. Parameters: level, week.
DELETE FROM _genai.summed_week w WHERE w.level = %(level)s AND w.bucket = %(week)s AND w.stale


-- due_weeks --
-- Weeks to sum, the newest first, with days that may all be read. Days below the floor of the hours by
-- identity are folded, and need no sums. Parameters: limit.
WITH floor AS MATERIALIZED (
    SELECT f.time FROM _genai.floor f WHERE f.level = 'identity_hour'
), span AS (
    SELECT 'hour' AS level, min(d.bucket) AS first, max(d.bucket) AS last FROM _genai.summed_day d WHERE d.level = 'hour'
    UNION ALL
    SELECT 'identity_hour', least(d.first, f.first), greatest(d.last, f.last)
    FROM (SELECT min(d.bucket) AS first, max(d.bucket) AS last FROM _genai.summed_day d WHERE d.level = 'identity_hour') d,
        (SELECT min(u.bucket) AS first, max(u.bucket) AS last FROM _genai.usage_identity_day u) f
)
SELECT s.level, w.week
FROM span s
CROSS JOIN LATERAL generate_series(
    date_bin('168 hours', s.first, '1970-01-05 00:00:00+00'), s.last - interval '144 hours', interval '168 hours') w (week)
WHERE NOT EXISTS (
        SELECT FROM _genai.summed_week k WHERE k.level = s.level AND k.bucket = w.week)
    AND 7 = (
        SELECT count(*) FROM generate_series(w.week, w.week + interval '144 hours', interval '24 hours') g (day)
        LEFT JOIN _genai.summed_day d ON d.level = s.level AND d.bucket = g.day AND NOT d.stale
        WHERE d.bucket IS NOT NULL OR s.level = 'identity_hour' AND g.day < (SELECT f.time FROM floor f))
ORDER BY w.week DESC, s.level
LIMIT %(limit)s


-- lock_week_sum --
-- Wait for changes of the week's hours that are under way, and let further ones wait. Parameters: week.
SELECT pg_advisory_xact_lock(
    hashtext('spanledger.week_sum'), (extract(epoch FROM %(week)s::timestamptz) / 86400)::integer)


-- delete_hour_week --
-- Drop the week's sums by series, before it is summed again.
DELETE FROM _genai.usage_week w WHERE w.bucket = %(week)s


-- delete_identity_hour_week --
-- Drop the week's sums by person, before it is summed again.
DELETE FROM _genai.usage_person_week w WHERE w.bucket = %(week)s


-- sum_hour_week --
-- The week's days by series, and that it may be read; nothing where a day has become stale meanwhile. Parameters: week.
WITH readable AS MATERIALIZED (
    SELECT count(*) = 7 AS is_whole FROM _genai.summed_day d
    WHERE d.level = 'hour' AND NOT d.stale
        AND d.bucket >= %(week)s AND d.bucket < %(week)s::timestamptz + interval '168 hours'
), summed AS (
    INSERT INTO _genai.usage_week (bucket, series_id, {calls..latency_b23: #})
    SELECT %(week)s, u.series_id, {calls..latency_b23: sum(u.#)}
    FROM _genai.usage_day u
    WHERE u.bucket >= %(week)s AND u.bucket < %(week)s::timestamptz + interval '168 hours'
        AND (SELECT r.is_whole FROM readable r)
    GROUP BY u.series_id
    ORDER BY u.series_id
)
INSERT INTO _genai.summed_week (level, bucket, stale)
SELECT 'hour', %(week)s, false FROM readable r WHERE r.is_whole
ON CONFLICT (level, bucket) DO UPDATE SET stale = false


-- sum_identity_hour_week --
-- The week's days by person, folded ones among them, and that it may be read; nothing where a day has become stale
-- meanwhile. Parameters: week.
WITH floor AS MATERIALIZED (
    SELECT f.time FROM _genai.floor f WHERE f.level = 'identity_hour'
), readable AS MATERIALIZED (
    SELECT count(*) = 7 AS is_whole
    FROM generate_series(%(week)s::timestamptz, %(week)s::timestamptz + interval '144 hours', interval '24 hours') g (day)
    LEFT JOIN _genai.summed_day d ON d.level = 'identity_hour' AND d.bucket = g.day AND NOT d.stale
    WHERE d.bucket IS NOT NULL OR g.day < (SELECT f.time FROM floor f)
), summed AS (
    INSERT INTO _genai.usage_person_week (
        bucket, identity_id, environment, data_mode, {calls..errors: #}, {input_tokens..output_tokens: #}, unpriced_calls,
        cost_pico_usd)
    SELECT %(week)s, u.identity_id, u.environment, u.data_mode, {calls..errors: sum(u.#)},
        {input_tokens..output_tokens: sum(u.#)}, sum(u.unpriced_calls), sum(u.cost_pico_usd)
    FROM _genai.person_day u
    WHERE u.bucket >= %(week)s AND u.bucket < %(week)s::timestamptz + interval '168 hours'
        AND (SELECT r.is_whole FROM readable r)
    GROUP BY u.identity_id, u.environment, u.data_mode
    ORDER BY u.identity_id, u.environment, u.data_mode
)
INSERT INTO _genai.summed_week (level, bucket, stale)
SELECT 'identity_hour', %(week)s, false FROM readable r WHERE r.is_whole
ON CONFLICT (level, bucket) DO UPDATE SET stale = false


-- sample_size --
-- The database's size now.
INSERT INTO _genai.size_sample (at, database_bytes) SELECT now(), pg_database_size(current_database())
ON CONFLICT (at) DO NOTHING


-- forget_samples --
-- Sizes of more than a year ago.
DELETE FROM _genai.size_sample WHERE at < now() - interval '366 days'
