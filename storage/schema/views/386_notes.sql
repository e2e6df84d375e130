-- ranges: storage/schema/measures.py
-- What a reader must know before believing the figures of a dashboard, or working on what they show: one row, or none.

CREATE FUNCTION genai.minute_text(p_time timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_char(p_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
$$;

-- `340 calls have no price`, `1 call has no price`.
CREATE FUNCTION genai.counted_text(p_count numeric, p_one text, p_many text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_count > 0 THEN genai.count_text(p_count) || ' ' || CASE p_count WHEN 1 THEN p_one ELSE p_many END END
$$;

-- Why a sum is a lower bound; NULL where it is exact (LEDGER §14).
CREATE FUNCTION genai.lower_bound_text(p_unpriced numeric, p_uncertain numeric, p_unread bigint)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT nullif(concat_ws(', ', genai.counted_text(p_unpriced, 'call has no price', 'calls have no price'),
        genai.counted_text(p_uncertain, 'call has no certain usage', 'calls have no certain usage'),
        genai.counted_text(p_unread, 'span could not be read', 'spans could not be read')), '')
$$;

-- Whether a selection has any call. Its own plan: asked only where a selection turns out empty.
CREATE FUNCTION genai.has_calls(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text, p_user text,
    p_tenant text, p_model text, p_service text
) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM genai.usage_of(p_from, p_to, p_env, p_data_mode, 'endpoint', p_endpoint, p_prompt_version,
        p_user, p_tenant, p_model, NULL, p_service) u WHERE u.calls > 0);
END
$$;

-- The choice that empties a view, and the focus without it: the first single one, else all of the focus; no row where
-- nothing helps.
CREATE FUNCTION genai.emptied_by(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text, p_user text,
    p_tenant text, p_model text, p_service text
) RETURNS TABLE (
    what text, endpoint text, prompt_version text, "user" text, tenant text, model text, service text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.what, c.endpoint, c.prompt_version, c."user", c.tenant, c.model, c.service
    FROM (VALUES
        (1, 'prompt version ' || p_prompt_version, p_prompt_version, p_endpoint, '*', p_user, p_tenant, p_model, p_service),
        (2, 'user ' || p_user, p_user, p_endpoint, p_prompt_version, '*', p_tenant, p_model, p_service),
        (3, 'tenant ' || p_tenant, p_tenant, p_endpoint, p_prompt_version, p_user, '*', p_model, p_service),
        (4, 'model ' || p_model, p_model, p_endpoint, p_prompt_version, p_user, p_tenant, '*', p_service),
        (5, 'endpoint ' || p_endpoint, p_endpoint, '*', p_prompt_version, p_user, p_tenant, p_model, p_service),
        (6, 'service ' || p_service, p_service, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, '*'),
        (7, 'the combination of the choices above', 'all', '*', '*', '*', '*', '*', '*')
    ) c (place, what, chosen, endpoint, prompt_version, "user", tenant, model, service)
    WHERE c.chosen <> '*' AND genai.has_calls(p_from, p_to, p_env, p_data_mode, c.endpoint, c.prompt_version, c."user",
        c.tenant, c.model, c.service)
    ORDER BY c.place
    LIMIT 1
$$;

-- What is wrong with the baseline that was chosen; NULL where nothing is. A dashboard that tells the story says itself that
-- there is none (`p_tells_story`).
CREATE FUNCTION genai.baseline_note(
    p_asked text, p_from timestamptz, p_to timestamptz, p_data_from timestamptz, p_calls numeric, p_before numeric,
    p_tells_story boolean
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT concat_ws(' ',
        CASE WHEN genai.panel_baseline(p_asked) <> p_asked THEN '"' || left(p_asked, 60)
            || '" (Against) is not understood: compared with the window before.' END,
        CASE WHEN p_calls = 0 OR p_tells_story THEN NULL
            WHEN p_before = 0 AND p_data_from >= b.to_time
                THEN 'No data before ' || genai.minute_text(p_data_from) || ': there is no baseline.'
            WHEN p_before = 0 THEN 'The baseline has no calls.'
            WHEN NOT genai.is_comparable(p_before, p_calls) THEN 'The baseline has only '
                || genai.counted_text(p_before, 'call', 'calls') || ' (' || genai.count_text(p_calls)
                || ' in this range): no percentages.'
            WHEN p_data_from > b.from_time + (b.to_time - b.from_time) / 2
                THEN 'The baseline is incomplete: the data begin at ' || genai.minute_text(p_data_from) || '.' END)
    FROM (
        SELECT genai.baseline_from(p_from, p_to, genai.panel_baseline(p_asked)) AS from_time,
            genai.baseline_to(p_from, p_to, genai.panel_baseline(p_asked)) AS to_time
    ) b
$$;

-- What a range cannot show: it is empty or to come, begins before the data, or ends after what has been counted.
CREATE FUNCTION genai.range_note(p_from timestamptz, p_to timestamptz, p_data_from timestamptz)
RETURNS TABLE (state text, note text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN w.complete_to IS NULL THEN 'nothing received yet' WHEN w.is_late AND w.live_writers = 0
            THEN 'no receiver is running' WHEN w.is_late THEN 'behind' ELSE 'range' END,
        nullif(concat_ws(' ',
            CASE WHEN w.is_late THEN 'Complete only up to ' || genai.minute_text(w.complete_to) || '.' END,
            CASE WHEN p_to < p_from + interval '1 second' THEN 'The range is empty.'
                WHEN p_from > now() THEN 'The range is in the future.'
                WHEN f.hour > p_from THEN 'The range begins before the data: totals are kept from '
                    || genai.minute_text(f.hour) || ' on.'
                WHEN p_data_from > date_bin('1 hour', p_from + interval '1 hour', 'epoch')
                    THEN 'The range begins before the first data (' || genai.minute_text(p_data_from) || ').'
                WHEN f.raw > p_from THEN 'Single calls are kept from ' || genai.minute_text(f.raw)
                    || ' on; before, edges may be rounded out to the hour.' END), '')
    FROM (
        SELECT c.complete_to, w.live_writers,
            c.complete_to < least(p_to, now()) - make_interval(secs => o.objective_seconds) AS is_late
        FROM genai.watermark w
        CROSS JOIN genai.freshness_objective() o
        CROSS JOIN (SELECT genai.complete_to() AS complete_to) c
    ) w
    CROSS JOIN (
        SELECT max(f.time) FILTER (WHERE f.level = 'raw') AS raw, max(f.time) FILTER (WHERE f.level = 'hour') AS hour
        FROM genai.floor f
    ) f
$$;

-- The largest part of the data that the environment and the data mode leave out, said where a view is empty.
CREATE FUNCTION genai.elsewhere(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE (environment text, data_mode text, note text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT o.environment, o.data_mode, genai.counted_text(o.calls, 'call of this range is', 'calls of this range are')
        || ' in environment ' || o.environment || ', data ' || o.data_mode || '.'
    FROM genai.data_outside(p_from, p_to, p_env, p_data_mode) o
    WHERE o.calls > 0
    LIMIT 1
$$;

-- One row where something is missing or an incident is open: the most important thing as a word, all of it in sentences, and where to look. The
-- selection and focus columns are what the link sets: `selection` as it stands in an address.
CREATE FUNCTION genai.panel_notes(
    p_uid text, p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text, p_tells_story boolean DEFAULT false
) RETURNS TABLE (
    state text, note text, name text, focus_uid text, environments text, data_mode text, baseline text, endpoint text,
    prompt_version text, "user" text, tenant text, model text, service text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH fact AS MATERIALIZED (
        SELECT u.*, genai.data_from(p_env, p_data_mode) AS data_from,
            genai.unread_spans(p_from, p_to, p_env, p_data_mode, p_service) AS unread
        FROM (
            SELECT coalesce(sum(u.calls * u.side), 0) AS calls, coalesce(sum(u.calls * (1 - u.side)), 0) AS before,
                coalesce(sum(u.unpriced_calls * u.side), 0) AS unpriced,
                coalesce(sum(u.uncertain_calls * u.side), 0) AS uncertain,
                coalesce(sum(u.unpriced_calls * (1 - u.side)), 0) AS unpriced_before,
                coalesce(sum(u.uncertain_calls * (1 - u.side)), 0) AS uncertain_before
            FROM genai.usage_of_both(
                p_from, p_to, genai.panel_baseline(p_baseline), p_env, p_data_mode, 'endpoint', p_endpoint, p_prompt_version,
                p_user, p_tenant, p_model, NULL, p_service) u
            WHERE genai.dashboard_on(p_uid)
        ) u
        WHERE genai.dashboard_on(p_uid)
    ), said AS (
        SELECT 1 AS place, 'paused' AS state, genai.pause_text(p_uid) AS note,
            NULL AS name, NULL AS uid, NULL AS environment, NULL AS mode, NULL AS against, NULL AS endpoint,
            NULL AS prompt_version, NULL AS "user", NULL AS tenant, NULL AS model, NULL AS service
        WHERE NOT genai.dashboard_on(p_uid)
        UNION ALL
        SELECT 2, r.state, r.note, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM fact f CROSS JOIN genai.range_note(p_from, p_to, f.data_from) r WHERE r.note IS NOT NULL
        UNION ALL
        SELECT 3, 'no calls', 'Nothing here because of ' || e.what || '.', 'Without it', p_uid, NULL, NULL, NULL, e.endpoint,
            e.prompt_version, e."user", e.tenant, e.model, e.service
        FROM fact f CROSS JOIN LATERAL genai.emptied_by(p_from, p_to, p_env, p_data_mode, genai.panel_focus(p_endpoint),
            genai.panel_focus(p_prompt_version), genai.panel_focus(p_user), genai.panel_focus(p_tenant),
            genai.panel_focus(p_model), genai.panel_focus(p_service)) e
        WHERE f.calls = 0
        UNION ALL
        SELECT 4, 'no calls', o.note, 'Show them', p_uid, o.environment, o.data_mode, NULL, '*', '*', '*', '*', '*', '*'
        FROM fact f CROSS JOIN LATERAL genai.elsewhere(p_from, p_to, p_env, p_data_mode) o
        WHERE f.calls = 0
        UNION ALL
        SELECT 5, 'incident', i.note, 'Incidents', 'spanledger-incidents', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM genai.incident_note(p_uid, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service) i
        UNION ALL
        SELECT 6, 'baseline', b.note, NULL, NULL, NULL, NULL, genai.panel_baseline(p_baseline), NULL, NULL, NULL, NULL, NULL,
            NULL
        FROM fact f CROSS JOIN LATERAL (SELECT nullif(genai.baseline_note(
            p_baseline, p_from, p_to, f.data_from, f.calls, f.before, p_tells_story), '') AS note) b
        WHERE b.note IS NOT NULL
        UNION ALL
        SELECT 7, 'at least', 'Totals with ≥ are lower bounds: '
                || genai.lower_bound_text(f.unpriced, f.uncertain, f.unread) || '.',
            'What is missing', 'spanledger-models', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM fact f WHERE genai.at_least(f.unpriced, f.uncertain, f.unread)
        UNION ALL
        SELECT 8, 'at least', 'The baseline is a lower bound: '
                || genai.lower_bound_text(f.unpriced_before, f.uncertain_before, 0) || '.',
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM fact f WHERE genai.at_least(f.unpriced_before, f.uncertain_before, 0)
        UNION ALL
        SELECT 9, 'range', n.note, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM (SELECT CASE WHEN p_env <> '*' AND genai.dashboard_on(p_uid)
            THEN genai.folded_notice(p_from, p_to, p_env, p_data_mode) END AS note) n
        WHERE n.note IS NOT NULL
    )
    SELECT w.state, w.note, l.name, coalesce(l.uid, p_uid),
        coalesce('var-env=' || genai.url_text(l.environment), (SELECT string_agg('var-env=' || genai.url_text(v.e), '&')
            FROM unnest(string_to_array(p_env, ',')) v (e)), 'var-env='),
        coalesce(l.mode, p_data_mode), coalesce(l.against, p_baseline),
        coalesce(l.endpoint, genai.panel_focus(p_endpoint)), coalesce(l.prompt_version, genai.panel_focus(p_prompt_version)),
        coalesce(l."user", genai.panel_focus(p_user)), coalesce(l.tenant, genai.panel_focus(p_tenant)),
        coalesce(l.model, genai.panel_focus(p_model)), coalesce(l.service, genai.panel_focus(p_service))
    FROM (
        SELECT (array_agg(s.state ORDER BY s.place))[1] AS state, string_agg(s.note, ' ' ORDER BY s.place) AS note
        FROM said s
    ) w
    LEFT JOIN LATERAL (SELECT s.* FROM said s WHERE s.name IS NOT NULL ORDER BY s.place LIMIT 1) l ON true
    WHERE w.note IS NOT NULL
$$;
