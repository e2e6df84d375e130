-- The statements of erasure.py: a person's texts, or all calls of a data mode.
-- ranges: storage/schema/measures.py

-- read_erased --
-- What ingest maps to `__erased__`.
SELECT e.kind, e.value_hash FROM _genai.erased e


-- find_identities --
-- Combinations that hold one of these values. Parameters: kind, forms.
SELECT i.id, i.tenant_id, i.user_id FROM _genai.identity i
WHERE CASE %(kind)s WHEN 'user' THEN i.user_id = ANY(%(forms)s) ELSE i.tenant_id = ANY(%(forms)s) END


-- count_identity --
-- What an identity's erasure would reach. Parameters: ids, field, forms, pattern.
SELECT
    (SELECT count(*) FROM _genai.model_call m WHERE m.identity_id = ANY(%(ids)s)) AS calls,
    (SELECT count(*) FROM _genai.usage_identity_hour u WHERE u.identity_id = ANY(%(ids)s))
        + (SELECT count(*) FROM _genai.usage_identity_day u WHERE u.identity_id = ANY(%(ids)s)) AS rollups,
    (SELECT count(*) FROM _genai.sighting s
        WHERE s.tags ->> %(field)s = ANY(%(forms)s) OR s.call ->> %(field)s = ANY(%(forms)s)) AS sightings,
    (SELECT count(*) FROM _genai.quarantine q WHERE q.name ~ %(pattern)s OR q.detail ~ %(pattern)s) AS quarantine


-- count_data_mode --
-- What a data mode's erasure would take away; calls and cost of all kept hours. Parameter: mode.
WITH mode AS MATERIALIZED (SELECT s.id FROM _genai.series s WHERE s.data_mode = %(mode)s)
SELECT
    (SELECT count(*) FROM _genai.model_call m WHERE m.series_id IN (SELECT id FROM mode)) AS calls,
    (SELECT count(*) FROM _genai.usage_minute u WHERE u.series_id IN (SELECT id FROM mode))
        + (SELECT count(*) FROM _genai.usage_hour u WHERE u.series_id IN (SELECT id FROM mode))
        + (SELECT count(*) FROM _genai.usage_identity_hour u WHERE u.series_id IN (SELECT id FROM mode))
        + (SELECT count(*) FROM _genai.usage_identity_day u WHERE u.series_id IN (SELECT id FROM mode))
        + (SELECT count(*) FROM _genai.unread u JOIN _genai.unread_source s ON s.id = u.source_id
            WHERE s.data_mode = %(mode)s) AS rollups,
    (SELECT count(*) FROM _genai.sighting s
        WHERE s.tags ->> 'data_mode' = %(mode)s OR s.call ->> 'data_mode' = %(mode)s) AS sightings,
    0::bigint AS quarantine


-- list_erased --
-- From now on ingest maps these to `__erased__`. Parameters: kind, hashes.
INSERT INTO _genai.erased (kind, value_hash) SELECT %(kind)s, h FROM unnest(%(hashes)s::bytea[]) AS h
ON CONFLICT DO NOTHING


-- find_erased_again --
-- Values that stand in the dictionary although they were erased: a writer had them in its hands. The hash is
-- `processor.calls.identity.value_hash`.
SELECT DISTINCT e.kind, CASE e.kind WHEN 'user' THEN i.user_id ELSE i.tenant_id END
FROM _genai.identity i JOIN _genai.erased e
    ON e.kind = 'user' AND e.value_hash = sha256(convert_to('user:' || i.user_id, 'UTF8'))
    OR e.kind = 'tenant' AND e.value_hash = sha256(convert_to('tenant:' || i.tenant_id, 'UTF8'))


-- places_of_data_mode --
-- Rows of a data mode in a span, merged ones too. Parameters: first, end, mode.
SELECT (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000, uuid_send(m.call_key)
FROM _genai.model_call m
WHERE m.time >= %(first)s AND m.time < %(end)s
    AND m.series_id IN (SELECT s.id FROM _genai.series s WHERE s.data_mode = %(mode)s)
ORDER BY m.time, m.call_key


-- places_of_identities --
-- Rows of identities in a span, merged ones too. Parameters: first, end, ids.
SELECT (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000, uuid_send(m.call_key)
FROM _genai.model_call m
WHERE m.time >= %(first)s AND m.time < %(end)s AND m.identity_id = ANY(%(ids)s)
ORDER BY m.time, m.call_key


-- insert_identities --
-- Parameters: ids, tenants, users.
INSERT INTO _genai.identity (id, tenant_id, user_id)
SELECT * FROM unnest(%(new)s::bigint[], %(tenants)s::text[], %(users)s::text[]) ORDER BY 1 ON CONFLICT DO NOTHING


-- move_identity_hours --
-- Sums by identity and hour below the raw floor, where nothing is written, move to other identities; what already
-- stands there is added to. Parameters: ids, new (one for each).
WITH moved AS (
    DELETE FROM _genai.usage_identity_hour u
    USING unnest(%(ids)s::bigint[], %(new)s::bigint[]) AS o (id, new_id)
    WHERE u.identity_id = o.id AND u.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
    RETURNING u.*, o.new_id
)
INSERT INTO _genai.usage_identity_hour AS u (
    bucket, identity_id, series_id,
    {calls..latency_b23: #}
)
SELECT
    u.bucket, u.new_id, u.series_id,
    {calls..latency_b23: _genai.total(u.#)}
FROM moved u
GROUP BY u.bucket, u.new_id, u.series_id
ORDER BY u.bucket, u.new_id, u.series_id
ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}


-- move_identity_days --
-- Sums by identity and day below the raw floor, where nothing is written, move to other identities; what already
-- stands there is added to. Parameters: ids, new (one for each).
WITH moved AS (
    DELETE FROM _genai.usage_identity_day u
    USING unnest(%(ids)s::bigint[], %(new)s::bigint[]) AS o (id, new_id)
    WHERE u.identity_id = o.id AND u.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
    RETURNING u.*, o.new_id
)
INSERT INTO _genai.usage_identity_day AS u (
    bucket, identity_id, series_id,
    {calls..latency_b23: #}
)
SELECT
    u.bucket, u.new_id, u.series_id,
    {calls..latency_b23: _genai.total(u.#)}
FROM moved u
GROUP BY u.bucket, u.new_id, u.series_id
ORDER BY u.bucket, u.new_id, u.series_id
ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}


-- erase_identity_texts --
-- The value leaves the dictionary: what is still under these ids is shown as erased from this commit on, and a
-- writer that knows an id from before writes under it without knowing. Parameters: kind, ids.
UPDATE _genai.identity i SET
    tenant_id = CASE %(kind)s WHEN 'tenant' THEN '__erased__' ELSE i.tenant_id END,
    user_id = CASE %(kind)s WHEN 'user' THEN '__erased__' ELSE i.user_id END
WHERE i.id = ANY(%(ids)s)


-- erase_admission --
-- Parameters: dimension, forms.
DELETE FROM _genai.dimension_day d WHERE d.dimension = %(dimension)s AND d.value = ANY(%(forms)s)


-- erase_labels --
-- Labels and assignments of a value, in every file that was loaded. Parameters: kind, forms.
WITH labels AS (
    DELETE FROM _genai.identity_label l WHERE l.kind = %(kind)s AND l.value = ANY(%(forms)s)
),
users AS (
    DELETE FROM _genai.user_tenant t WHERE %(kind)s = 'user' AND t.user_id = ANY(%(forms)s)
)
UPDATE _genai.user_tenant t SET tenant_id = '__erased__'
WHERE %(kind)s = 'tenant' AND t.tenant_id = ANY(%(forms)s)


-- erase_sightings --
-- The value in spans that wait for late binding. Parameters: field, forms.
UPDATE _genai.sighting s SET
    tags = CASE WHEN s.tags ->> %(field)s = ANY(%(forms)s)
        THEN jsonb_set(s.tags, ARRAY[%(field)s], '"__erased__"') ELSE s.tags END,
    call = CASE WHEN s.call ->> %(field)s = ANY(%(forms)s)
        THEN jsonb_set(s.call, ARRAY[%(field)s], '"__erased__"') ELSE s.call END
WHERE s.tags ->> %(field)s = ANY(%(forms)s) OR s.call ->> %(field)s = ANY(%(forms)s)


-- erase_quarantine --
-- The value as a whole word in what was refused. Parameter: pattern.
UPDATE _genai.quarantine q SET
    name = regexp_replace(q.name, %(pattern)s, '__erased__', 'g'),
    detail = regexp_replace(q.detail, %(pattern)s, '__erased__', 'g')
WHERE q.name ~ %(pattern)s OR q.detail ~ %(pattern)s


-- copy_places --
-- Name the rows that an erasure changes.
COPY pg_temp.amended (time, call_key) FROM STDIN


-- delete_amended --
-- The rows go; their keys follow when all are gone. Parameters: first and last time.
WITH gone AS (
    DELETE FROM _genai.model_call m USING pg_temp.amended a
    WHERE m.time = a.time AND m.call_key = a.call_key AND m.time >= %(first)s AND m.time <= %(last)s
    RETURNING m.call_key
)
INSERT INTO pg_temp.gone (call) SELECT g.call_key FROM gone g


-- delete_closed_mode --
-- The sums of a data mode below the raw floor, where nobody writes; and its closing lines; returns what the
-- hours held as lines of the book.
-- Parameter: mode.
WITH mode AS MATERIALIZED (
    SELECT s.id, s.environment, s.data_mode, s.provider, s.model FROM _genai.series s WHERE s.data_mode = %(mode)s
), old AS MATERIALIZED (
    SELECT f.time FROM _genai.floor f WHERE f.level = 'raw'
), minutes AS (
    DELETE FROM _genai.usage_minute u USING mode m, old o WHERE u.series_id = m.id AND u.bucket < o.time
), identity_hours AS (
    DELETE FROM _genai.usage_identity_hour u USING mode m, old o WHERE u.series_id = m.id AND u.bucket < o.time
), identity_days AS (
    DELETE FROM _genai.usage_identity_day u USING mode m, old o WHERE u.series_id = m.id AND u.bucket < o.time
), closings AS (
    DELETE FROM _genai.day_close d USING old o WHERE d.data_mode = %(mode)s AND d.day < o.time
), hours AS (
    DELETE FROM _genai.usage_hour u USING mode m, old o WHERE u.series_id = m.id AND u.bucket < o.time
    RETURNING u.*
)
SELECT (u.bucket AT TIME ZONE 'UTC')::date AS day, m.environment, m.data_mode, m.provider, m.model,
    -sum(u.calls)::bigint AS calls,
    -sum({input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)})::bigint AS cost_pico_usd
FROM hours u JOIN mode m ON m.id = u.series_id
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5


-- delete_gone_keys --
-- Every key that led to a call which is gone, and what late binding kept of it.
WITH opened AS (
    DELETE FROM _genai.open_call o USING pg_temp.gone g WHERE o.call = g.call
), promoted AS (
    DELETE FROM _genai.promotion p USING pg_temp.gone g WHERE p.call = g.call
), arrived AS (
    DELETE FROM _genai.arrival a USING pg_temp.gone g WHERE a.call = g.call
)
DELETE FROM _genai.call_key k USING pg_temp.gone g WHERE k.call = g.call


-- delete_mode_sightings --
-- Parameter: mode.
DELETE FROM _genai.sighting s WHERE s.tags ->> 'data_mode' = %(mode)s OR s.call ->> 'data_mode' = %(mode)s


-- delete_mode_unread --
-- Unread usage of a data mode; its sources go with the next retention, for a writer may count on one now. Parameter: mode.
WITH mode AS MATERIALIZED (
    SELECT s.id FROM _genai.unread_source s WHERE s.data_mode = %(mode)s
), spans AS (
    DELETE FROM _genai.unread_span u USING mode m WHERE u.source_id = m.id
)
DELETE FROM _genai.unread u USING mode m WHERE u.source_id = m.id
