-- ranges: storage/schema/measures.py
-- The folder's work (storage/postings/folder.py): postings into summaries, one transaction at a time. Sums commute, so
-- nothing depends on the order in which transactions come.

DROP FUNCTION IF EXISTS _genai.fold(bigint);
DROP FUNCTION IF EXISTS _genai.fold_up_to(timestamptz);
DROP FUNCTION IF EXISTS _genai.fold_cut(bigint);
DROP FUNCTION IF EXISTS _genai.drop_empty(jsonb, jsonb, jsonb, jsonb);

-- Up to which `at` to fold, so that about `p_most` postings are taken and no transaction is taken half; NULL: nothing waits.
-- Where more wait, a sample of pages says it; for one posting, the oldest itself.
CREATE FUNCTION _genai.fold_cut(p_most bigint) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    v_waiting bigint;
    v_share double precision := least(100, 400 * 8192.0 * 100 / greatest(pg_relation_size('_genai.posting'), 1));
    v_cut timestamptz;
BEGIN
    SELECT count(*) INTO v_waiting FROM (SELECT FROM _genai.posting LIMIT p_most + 1) w;
    IF v_waiting = 0 THEN
        RETURN NULL;
    ELSIF p_most = 1 THEN
        RETURN (SELECT min(p.at) FROM _genai.posting p);
    ELSIF v_waiting <= p_most THEN
        RETURN 'infinity';
    END IF;
    SELECT w.at INTO v_cut
    FROM (
        SELECT p.at, row_number() OVER (ORDER BY p.at) AS place FROM _genai.posting p TABLESAMPLE SYSTEM (v_share)
    ) w
    WHERE w.place >= p_most * v_share / 100 ORDER BY w.place LIMIT 1;
    RETURN coalesce(v_cut, 'infinity');
END $$;

-- Sums that lost their last call, among those that a fold has changed.
CREATE FUNCTION _genai.drop_empty(p_minutes jsonb, p_hours jsonb, p_identity_hours jsonb, p_identity_days jsonb)
RETURNS void LANGUAGE sql AS $$
    DELETE FROM _genai.usage_minute u
    USING jsonb_to_recordset(p_minutes) AS o (bucket timestamptz, series_id bigint)
    WHERE u.bucket = o.bucket AND u.series_id = o.series_id AND u.calls = 0
        AND 0 = ALL (ARRAY[{requests..latency_b23: coalesce(u.#, 0)}]);
    DELETE FROM _genai.usage_hour u
    USING jsonb_to_recordset(p_hours) AS o (bucket timestamptz, series_id bigint)
    WHERE u.bucket = o.bucket AND u.series_id = o.series_id AND u.calls = 0
        AND 0 = ALL (ARRAY[{requests..latency_b23: coalesce(u.#, 0)}]);
    DELETE FROM _genai.usage_identity_hour u
    USING jsonb_to_recordset(p_identity_hours) AS o (bucket timestamptz, identity_id bigint, series_id bigint)
    WHERE u.bucket = o.bucket AND u.identity_id = o.identity_id AND u.series_id = o.series_id AND u.calls = 0
        AND 0 = ALL (ARRAY[{requests..latency_b23: coalesce(u.#, 0)}]);
    DELETE FROM _genai.usage_identity_day u
    USING jsonb_to_recordset(p_identity_days) AS o (bucket timestamptz, identity_id bigint, series_id bigint)
    WHERE u.bucket = o.bucket AND u.identity_id = o.identity_id AND u.series_id = o.series_id AND u.calls = 0
        AND 0 = ALL (ARRAY[{requests..latency_b23: coalesce(u.#, 0)}])
$$;

-- Take every posting up to a time and add it up, on every level that is kept there (LEDGER §9, §11). Returns how many were
-- taken, and for how many calls each receipt stands.
CREATE FUNCTION _genai.fold_up_to(p_cut timestamptz)
RETURNS TABLE (taken bigint, received timestamptz[], calls bigint[]) LANGUAGE plpgsql AS $$
DECLARE
    v_floor jsonb;
    v_empty jsonb;
BEGIN
    -- Levels in minutes since 2000; retention raises no floor until this transaction ends.
    SELECT jsonb_object_agg(f.level, f.minute) INTO v_floor FROM (
        SELECT f.level, (extract(epoch FROM greatest(f.time, '2000-01-01 00:00:00+00')) - 946684800)::bigint / 60 AS minute
        FROM _genai.floor f FOR SHARE) f;
    WITH level AS MATERIALIZED (
        SELECT (v_floor ->> 'minute')::integer AS minute, (v_floor ->> 'hour')::integer AS hour,
            (v_floor ->> 'identity_hour')::integer AS identity_hour, (v_floor ->> 'identity_day')::integer AS identity_day
    ), taken AS (
        DELETE FROM _genai.posting p WHERE p.at <= p_cut RETURNING p.*
    ), slice AS MATERIALIZED (
        SELECT t.minute, t.series_id, {calls..latency_b23= t sum} FROM taken t GROUP BY t.minute, t.series_id
    ), minutes AS (
        INSERT INTO _genai.usage_minute AS u (bucket, series_id, {calls..latency_b23: #})
        SELECT '2000-01-01 00:00:00+00'::timestamptz + s.minute * interval '1 minute', s.series_id, {calls..latency_b23: s.#}
        FROM slice s, level l WHERE s.minute >= l.minute ORDER BY s.minute, s.series_id
        ON CONFLICT (bucket, series_id) DO UPDATE SET calls = u.calls + excluded.calls,
            {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}
        RETURNING u.bucket, u.series_id, u.calls
    ), hours AS (
        INSERT INTO _genai.usage_hour AS u (bucket, series_id, {calls..latency_b23: #})
        SELECT '2000-01-01 00:00:00+00'::timestamptz + (s.minute / 60) * interval '1 hour', s.series_id,
            {calls..latency_b23: _genai.total(s.#)}
        FROM slice s, level l WHERE s.minute >= l.hour GROUP BY s.minute / 60, s.series_id ORDER BY s.minute / 60, s.series_id
        ON CONFLICT (bucket, series_id) DO UPDATE SET calls = u.calls + excluded.calls,
            {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}
        RETURNING u.bucket, u.series_id, u.calls
    ), identity_hours AS (
        INSERT INTO _genai.usage_identity_hour AS u (bucket, identity_id, series_id, {calls..latency_b23: #})
        SELECT '2000-01-01 00:00:00+00'::timestamptz + (t.minute / 60) * interval '1 hour', t.identity_id, t.facet_id,
            {calls..latency_b23= t sum}
        FROM taken t, level l WHERE t.minute >= l.identity_hour
        GROUP BY t.minute / 60, t.identity_id, t.facet_id ORDER BY t.minute / 60, t.identity_id, t.facet_id
        ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET calls = u.calls + excluded.calls,
            {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}
        RETURNING u.bucket, u.identity_id, u.series_id, u.calls
    ), identity_days AS (
        INSERT INTO _genai.usage_identity_day AS u (bucket, identity_id, series_id, {calls..latency_b23: #})
        SELECT '2000-01-01 00:00:00+00'::timestamptz + (t.minute / 1440) * interval '24 hours', t.identity_id, r.line_id,
            {calls..latency_b23= t sum}
        FROM taken t JOIN level l ON t.minute < l.identity_hour AND t.minute >= l.identity_day
        JOIN _genai.series r ON r.id = t.series_id
        GROUP BY t.minute / 1440, t.identity_id, r.line_id ORDER BY t.minute / 1440, t.identity_id, r.line_id
        ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET calls = u.calls + excluded.calls,
            {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}
        RETURNING u.bucket, u.identity_id, u.series_id, u.calls
    ), receipt AS (
        -- Of calls that somebody made: an idle ledger that only its probe fills has no freshness. Without `genai.is_probe`:
        -- folds go on while a migration replaces the functions of `genai`.
        SELECT t.at - t.waited_us * interval '1 microsecond' AS received, count(*) AS calls
        FROM taken t
        WHERE t.waited_us IS NOT NULL
            AND t.series_id <> ALL (ARRAY(SELECT r.id FROM _genai.series r WHERE r.environment = 'spanledger-probe'))
        GROUP BY 1
    )
    SELECT (SELECT count(*) FROM taken), r.received, r.calls, jsonb_build_array(
            (SELECT coalesce(jsonb_agg(e.*), '[]') FROM minutes e WHERE e.calls = 0),
            (SELECT coalesce(jsonb_agg(e.*), '[]') FROM hours e WHERE e.calls = 0),
            (SELECT coalesce(jsonb_agg(e.*), '[]') FROM identity_hours e WHERE e.calls = 0),
            (SELECT coalesce(jsonb_agg(e.*), '[]') FROM identity_days e WHERE e.calls = 0))
    INTO taken, received, calls, v_empty
    FROM (SELECT array_agg(c.received) AS received, array_agg(c.calls) AS calls FROM receipt c) r;
    IF v_empty <> '[[], [], [], []]' THEN
        PERFORM _genai.drop_empty(v_empty -> 0, v_empty -> 1, v_empty -> 2, v_empty -> 3);
    END IF;
    RETURN NEXT;
END $$;

-- One fold: whoever calls it, one runs at a time in a database, and what is not committed was not taken.
CREATE FUNCTION _genai.fold(p_most bigint DEFAULT 100000)
RETURNS TABLE (taken bigint, received timestamptz[], calls bigint[]) LANGUAGE plpgsql AS $$
DECLARE
    v_began timestamptz;
    v_cut timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('spanledger.fold'));
    v_began := clock_timestamp();
    v_cut := _genai.fold_cut(p_most);
    IF v_cut IS NULL THEN
        RETURN QUERY SELECT 0::bigint, NULL::timestamptz[], NULL::bigint[];
        UPDATE _genai.fold_state s SET sums_to = v_began, folded_at = v_began WHERE s.folded_at < v_began - interval '1 second';
    ELSE
        RETURN QUERY SELECT f.* FROM _genai.fold_up_to(v_cut) f;
        UPDATE _genai.fold_state s SET sums_to = least(v_cut, v_began), folded_at = v_began;
    END IF;
END $$;
