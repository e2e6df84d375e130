-- The statements of storage/journal, each named, with a sentence on what it does (storage/statements.py).
-- ranges: storage/schema/measures.py

-- create_amending --
-- Once per connection that amends: the rows' new versions.
CREATE TEMPORARY TABLE amended (LIKE _genai.model_call) ON COMMIT DELETE ROWS;
ALTER TABLE pg_temp.amended
    ALTER received_at DROP NOT NULL, ALTER series_id DROP NOT NULL, ALTER identity_id DROP NOT NULL,
    ALTER shape_id DROP NOT NULL, ALTER flags DROP NOT NULL, ALTER folded DROP NOT NULL,
    ALTER status DROP NOT NULL, ALTER usage_source DROP NOT NULL, ALTER price_status DROP NOT NULL,
    ALTER requests DROP NOT NULL


-- post_amended --
-- What the rows being amended are booked as, by the one definition of it (view _genai.booked), as postings: n = -1 before
-- they change, 1 after. A row that is merged into another is booked as nothing. Parameters: sign, first and last time.
INSERT INTO _genai.posting (
    series_id, facet_id, identity_id, minute, flags, n, status, price_status, latency_bucket, requests, latency_us,
    {input_tokens..other_cost_pico_usd: #}
)
SELECT
    b.series_id, s.facet_id, b.identity_id, (floor(extract(epoch FROM b.time))::bigint - 946684800) / 60, b.flags, g.sign,
    b.status, b.price_status, b.latency_bucket, g.sign * b.requests, g.sign * b.latency_us_sum,
    {input_tokens..other_cost_pico_usd: g.sign * b.#}
FROM (SELECT %(sign)s::bigint AS sign) g, pg_temp.amended a
JOIN _genai.booked b ON b.time = a.time AND b.key = a.call_key
JOIN _genai.series s ON s.id = b.series_id
WHERE b.time >= %(first)s AND b.time <= %(last)s


-- update_calls --
-- The new versions take their places. Where a row leaves its first series, that one is kept: its first cost was
-- booked there (LEDGER §19). Parameters: first and last time.
UPDATE _genai.model_call m SET
    series_id = a.series_id, identity_id = a.identity_id, folded = a.folded, shape_id = a.shape_id, flags = a.flags,
    status = a.status, usage_source = a.usage_source, requests = a.requests, attempt = a.attempt,
    {input_tokens..output_image_tokens: # = a.#}, input_cached_audio_tokens = a.input_cached_audio_tokens,
    input_cached_image_tokens = a.input_cached_image_tokens, latency_us = a.latency_us,
    time_to_first_token_us = a.time_to_first_token_us, reported_cost_pico_usd = a.reported_cost_pico_usd,
    external_request_id = a.external_request_id, response_id = a.response_id, conversation_id = a.conversation_id,
    price_status = a.price_status, price_vector_id = a.price_vector_id, price_map_id = a.price_map_id,
    cost_pico_usd = a.cost_pico_usd, input_cost_pico_usd = a.input_cost_pico_usd,
    cache_read_cost_pico_usd = a.cache_read_cost_pico_usd, cache_write_cost_pico_usd = a.cache_write_cost_pico_usd,
    output_cost_pico_usd = a.output_cost_pico_usd, other_cost_pico_usd = a.other_cost_pico_usd,
    merged_into = a.merged_into, completed = a.completed,
    first_series_id = CASE WHEN m.series_id <> a.series_id THEN coalesce(m.first_series_id, m.series_id)
        ELSE m.first_series_id END
FROM pg_temp.amended a
WHERE m.time = a.time AND m.call_key = a.call_key AND m.time >= %(first)s AND m.time <= %(last)s


-- insert_amended --
-- Rows that an amendment begins: another span of a call is the one that is counted now. With the key of their span.
-- Parameters: first and last time.
WITH begun AS (
    INSERT INTO _genai.model_call (
        time, received_at, call_key, series_id, identity_id, shape_id, flags, folded, status, usage_source, price_status,
        requests, attempt, price_map_id, {input_tokens..output_image_tokens: #}, price_vector_id, latency_us,
        time_to_first_token_us, cost_pico_usd, input_cost_pico_usd, cache_read_cost_pico_usd, cache_write_cost_pico_usd,
        output_cost_pico_usd, other_cost_pico_usd, reported_cost_pico_usd, span_id, parent_span_id, trace_id,
        claimed_time, merged_into, external_request_id, response_id, conversation_id, completed
    )
    SELECT
        a.time, a.received_at, a.call_key, a.series_id, a.identity_id, a.shape_id, a.flags, a.folded, a.status,
        a.usage_source, a.price_status, a.requests, a.attempt, a.price_map_id,
        {input_tokens..output_image_tokens: a.#}, a.price_vector_id, a.latency_us, a.time_to_first_token_us,
        a.cost_pico_usd, a.input_cost_pico_usd, a.cache_read_cost_pico_usd, a.cache_write_cost_pico_usd,
        a.output_cost_pico_usd, a.other_cost_pico_usd, a.reported_cost_pico_usd, a.span_id, a.parent_span_id,
        a.trace_id, a.claimed_time, a.merged_into, a.external_request_id, a.response_id, a.conversation_id, a.completed
    FROM pg_temp.amended a
    WHERE NOT EXISTS (
        SELECT FROM _genai.model_call m
        WHERE m.time = a.time AND m.call_key = a.call_key AND m.time >= %(first)s AND m.time <= %(last)s)
    RETURNING call_key, time
)
INSERT INTO _genai.call_key (key, call, time, received_at)
SELECT b.call_key, b.call_key, b.time, now() FROM begun b
ON CONFLICT (key) DO UPDATE SET call = excluded.call, time = excluded.time


-- open_run --
-- A run of the ledger's book. Parameters: kind, started_by, why, parameters.
INSERT INTO _genai.ledger_run (kind, started_by, why, parameters)
VALUES (%(kind)s, %(started_by)s, %(why)s, %(parameters)s) RETURNING id


-- advance_run --
-- What a run has changed so far, and where each of its parts would go on. Parameters: run, calls, position.
UPDATE _genai.ledger_run r SET calls = r.calls + %(calls)s,
    position = CASE WHEN %(position)s::jsonb IS NULL THEN r.position
        ELSE coalesce(r.position, '{}') || %(position)s::jsonb END
WHERE r.id = %(run)s


-- finish_run --
-- A run is complete; one that changed nothing leaves no trace. Parameter: run.
WITH finished AS (
    UPDATE _genai.ledger_run r SET finished_at = now()
    WHERE r.id = %(run)s AND r.finished_at IS NULL AND r.calls > 0
)
DELETE FROM _genai.ledger_run r WHERE r.id = %(run)s AND r.finished_at IS NULL AND r.calls = 0


-- add_lines --
-- Signed differences of a batch (LEDGER §19). Parameters: run, kind, then a column each of the lines.
INSERT INTO _genai.ledger_line (run_id, kind, day, environment, data_mode, provider, model, calls, cost_pico_usd)
SELECT %s, %s, o.* FROM unnest(
    %s::date[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[]) AS o


-- lock_calls --
-- Lock rows in (time, key) order (LEDGER §7); what they hold is read by the next statement, from the locked version.
-- Nothing is joined that could change meanwhile. Parameters: first and last time, times, keys.
SELECT 1 FROM unnest(%(times)s::timestamptz[], %(keys)s::uuid[]) AS o (time, key)
JOIN _genai.model_call m ON m.time = o.time AND m.call_key = o.key
WHERE m.time >= %(first)s AND m.time <= %(last)s
ORDER BY m.time, m.call_key
FOR UPDATE OF m


-- read_calls --
-- Locked rows as storage/amended_row.py reads them. Times in microseconds since 2000. Parameters as lock_calls.
SELECT
    (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000 AS time_us,
    (extract(epoch FROM m.received_at) * 1000000)::bigint - 946684800000000 AS received_us,
    (extract(epoch FROM m.claimed_time) * 1000000)::bigint - 946684800000000 AS claimed_us,
    uuid_send(m.call_key) AS call_key, uuid_send(m.trace_id) AS trace_id, int8send(m.span_id) AS span_id,
    int8send(m.parent_span_id) AS parent_span_id, uuid_send(m.merged_into) AS merged_into,
    m.completed, m.requests, m.flags, m.folded, m.series_id, m.identity_id, m.shape_id, h.reading_id,
    s.environment, s.data_mode, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model,
    i.tenant_id, i.user_id, h.operation, h.request_model, h.service_tier, h.error_type, h.http_status, h.streaming,
    h.request_id_given, m.status, m.usage_source,
    {input_tokens..output_image_tokens: m.#}, m.input_cached_audio_tokens, m.input_cached_image_tokens,
    m.latency_us, m.time_to_first_token_us, m.reported_cost_pico_usd,
    m.external_request_id, m.response_id, m.conversation_id, m.attempt, m.price_status, m.cost_pico_usd,
    m.input_cost_pico_usd, m.cache_read_cost_pico_usd, m.cache_write_cost_pico_usd, m.output_cost_pico_usd,
    m.other_cost_pico_usd, m.price_vector_id, m.price_map_id
FROM unnest(%(times)s::timestamptz[], %(keys)s::uuid[]) AS o (time, key)
JOIN _genai.model_call m ON m.time = o.time AND m.call_key = o.key
JOIN _genai.series s ON s.id = m.series_id
JOIN _genai.identity i ON i.id = m.identity_id
JOIN _genai.shape h ON h.id = m.shape_id
WHERE m.time >= %(first)s AND m.time <= %(last)s


-- read_readings --
-- How spans were read. Parameter: ids.
SELECT r.id, r.dialect, r.sources FROM _genai.reading r WHERE r.id = ANY(%s::bigint[])


-- use_identity_map --
-- This file is in force from now on. Parameter: sha256.
INSERT INTO _genai.identity_map AS m (sha256) VALUES (%(sha256)s)
ON CONFLICT (sha256) DO UPDATE SET loaded_at = clock_timestamp()
RETURNING m.id


-- put_identities --
-- The labels and assignments of a file, without those of users and the names of tenants who were erased.
-- Parameters: map, kinds, values, labels; users, from_times, tenants.
WITH erased AS (SELECT e.kind, e.value_hash FROM _genai.erased e),
labels AS (
    INSERT INTO _genai.identity_label (map_id, kind, value, label)
    SELECT %(map)s, o.kind, o.value, o.label
    FROM unnest(%(kinds)s::text[], %(values)s::text[], %(labels)s::text[]) AS o (kind, value, label)
    WHERE (o.kind, sha256(convert_to(o.kind || ':' || o.value, 'UTF8'))) NOT IN (SELECT * FROM erased)
    ON CONFLICT DO NOTHING
)
INSERT INTO _genai.user_tenant (map_id, user_id, from_time, tenant_id)
SELECT %(map)s, o.user_id, o.from_time,
    CASE WHEN ('tenant', sha256(convert_to('tenant:' || o.tenant_id, 'UTF8'))) IN (SELECT * FROM erased)
        THEN '__erased__' ELSE o.tenant_id END
FROM unnest(%(users)s::text[], %(from_times)s::timestamptz[], %(tenants)s::text[]) AS o (user_id, from_time, tenant_id)
WHERE ('user', sha256(convert_to('user:' || o.user_id, 'UTF8'))) NOT IN (SELECT * FROM erased)
ON CONFLICT DO NOTHING


-- mark_map_applied --
-- Stored calls stand where the file in force assigns them: they were moved, or there are none yet. Parameter: moved.
UPDATE _genai.identity_map SET applied_at = clock_timestamp()
WHERE id = (SELECT m.id FROM _genai.identity_map m ORDER BY m.loaded_at DESC, m.id DESC LIMIT 1)
  AND (%(moved)s OR NOT EXISTS (SELECT FROM _genai.model_call))


-- read_assignments --
-- Tenants of users as the file in force assigns them; from_time in microseconds since 1970, NULL: since ever.
SELECT t.user_id, t.tenant_id,
    CASE WHEN t.from_time > '-infinity' THEN (extract(epoch FROM t.from_time) * 1000000)::bigint END
FROM _genai.user_tenant t
WHERE t.map_id = (SELECT m.id FROM _genai.identity_map m ORDER BY m.loaded_at DESC, m.id DESC LIMIT 1)


-- is_map_applied --
-- Whether the file in force assigns what stored calls were last moved to (nothing, before the first time).
WITH map AS (
    SELECT (SELECT m.id FROM _genai.identity_map m ORDER BY m.loaded_at DESC, m.id DESC LIMIT 1) AS in_force,
        (SELECT m.id FROM _genai.identity_map m WHERE m.applied_at IS NOT NULL
         ORDER BY m.applied_at DESC, m.id DESC LIMIT 1) AS applied
),
both_sides AS (
    SELECT t.map_id, t.user_id, t.from_time, t.tenant_id FROM _genai.user_tenant t, map m
    WHERE t.map_id IN (m.in_force, m.applied)
)
SELECT NOT EXISTS (
    SELECT FROM both_sides s, map m
    GROUP BY s.user_id, s.from_time, s.tenant_id, m.in_force, m.applied
    HAVING bool_or(s.map_id = m.in_force) <> coalesce(bool_or(s.map_id = m.applied), false))


-- moves_of_day --
-- Counted calls of a span that stand under another tenant than the assignments say, where no span named one.
-- Parameters: first, end; users, from_times, tenants.
SELECT (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000, uuid_send(m.call_key),
    r.environment, r.data_mode, i.tenant_id, coalesce(a.tenant_id, 'unknown'), coalesce(m.cost_pico_usd, 0)
FROM _genai.model_call m
JOIN _genai.identity i ON i.id = m.identity_id
JOIN _genai.series r ON r.id = m.series_id
LEFT JOIN (
    SELECT o.user_id, o.tenant_id, o.from_time,
        lead(o.from_time, 1, 'infinity') OVER (PARTITION BY o.user_id ORDER BY o.from_time) AS end_time
    FROM unnest(%(users)s::text[], %(from_times)s::timestamptz[], %(tenants)s::text[])
        AS o (user_id, from_time, tenant_id)
) AS a ON a.user_id = i.user_id AND m.time >= a.from_time AND m.time < a.end_time
WHERE m.time >= %(first)s AND m.time < %(end)s
  AND m.merged_into IS NULL AND i.user_id <> '__erased__'
  AND i.tenant_id <> coalesce(a.tenant_id, 'unknown')
  AND (i.tenant_id = 'unknown' OR m.shape_id IN (
      SELECT h.id FROM _genai.shape h JOIN _genai.reading d ON d.id = h.reading_id
      WHERE d.sources @> '[["tenant_id", "<identities.yaml>"]]'))
ORDER BY m.time, m.call_key


-- count_prices --
-- Rows to be looked at. Parameters as read_prices.
SELECT count(*)
FROM _genai.model_call m
WHERE m.time >= %(first)s AND m.time < %(end)s AND m.merged_into IS NULL
    AND (%(restate)s OR m.cost_pico_usd IS NULL)
    AND (%(models)s::text[] IS NULL OR m.series_id IN (
        SELECT s.id FROM _genai.series s WHERE s.model = ANY(%(models)s) OR s.provider || '/' || s.model = ANY(%(models)s)))


-- unfinished_run --
-- A run that was cut short, and where it stood. Parameters: kind, parameters.
SELECT r.id, r.position FROM _genai.ledger_run r
WHERE r.kind = %s AND r.parameters = %s AND r.finished_at IS NULL
ORDER BY r.id DESC LIMIT 1
