-- ranges: storage/schema/measures.py
-- What a window used, exactly (LEDGER §9), for any dimension and filters: the rows that `compare` stands on.

-- The baseline of a window: 'previous' (the equal window before), a distance back ('24h', '168h'), or a window of its
-- own, 'FROM..TO'. Distances are exact seconds: no time zone and no calendar moves them.
CREATE FUNCTION genai.baseline_from(p_from timestamptz, p_to timestamptz, p_baseline text)
RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN strpos(p_baseline, '..') > 0 THEN split_part(p_baseline, '..', 1)::timestamptz
        WHEN p_baseline = 'previous' THEN p_from - make_interval(secs => extract(epoch FROM p_to - p_from)::float8)
        ELSE p_from - make_interval(secs => extract(epoch FROM p_baseline::interval)::float8)
    END
$$;

CREATE FUNCTION genai.baseline_to(p_from timestamptz, p_to timestamptz, p_baseline text)
RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN strpos(p_baseline, '..') > 0 THEN split_part(p_baseline, '..', 2)::timestamptz
        WHEN p_baseline = 'previous' THEN p_from
        ELSE p_to - make_interval(secs => extract(epoch FROM p_baseline::interval)::float8)
    END
$$;

-- Whether a question is split by one of these dimensions; `p_dimension` is one, or two with a comma.
CREATE FUNCTION genai.splits_by(p_dimension text, p_names text[])
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_to_array(p_dimension, ',') && p_names
$$;

-- Which level has the dimension and the filters of a question: `series` (hours, minutes), `identity` (days, hours),
-- `identity_hour` (hours only, for folded days have no endpoint) or only `calls`.
CREATE FUNCTION genai.window_source(
    p_dimension text, p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_service text
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN NOT genai.splits_by(p_dimension, '{user,tenant}') AND coalesce(p_user, '*') = '*'
            AND coalesce(p_tenant, '*') = '*' THEN 'series'
        WHEN genai.splits_by(p_dimension, '{prompt_version,service}') OR coalesce(p_prompt_version, '*') <> '*'
            OR coalesce(p_service, '*') <> '*' THEN 'calls'
        WHEN genai.splits_by(p_dimension, '{endpoint}') OR coalesce(p_endpoint, '*') <> '*' THEN 'identity_hour'
        ELSE 'identity'
    END
$$;

-- From where on a window can be answered from the hours by identity and, before these, from calls.
CREATE FUNCTION genai.identity_hour_cut(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (from_used timestamptz, to_used timestamptz, hours_from timestamptz, hours_to timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH kept AS MATERIALIZED (
        SELECT max(f.time) FILTER (WHERE f.level = 'raw') AS raw,
            max(f.time) FILTER (WHERE f.level = 'identity_hour') AS hour
        FROM genai.floor f
    ), used AS MATERIALIZED (
        SELECT k.hour,
            CASE WHEN p_from >= k.raw THEN p_from
                ELSE greatest(date_bin('1 hour', p_from, 'epoch'), least(k.hour, k.raw)) END AS from_used,
            CASE WHEN date_bin('1 hour', p_to, 'epoch') >= k.raw THEN p_to
                ELSE date_bin('1 hour', p_to + interval '3599.999999 seconds', 'epoch') END AS to_used
        FROM kept k
    ), whole AS MATERIALIZED (
        SELECT u.from_used, greatest(u.from_used, u.to_used) AS to_used,
            greatest(date_bin('1 hour', u.from_used + interval '3599.999999 seconds', 'epoch'), u.hour) AS hour_up,
            date_bin('1 hour', u.to_used, 'epoch') AS hour_down
        FROM used u
    )
    SELECT w.from_used, w.to_used, least(w.hour_up, w.to_used), greatest(w.hour_down, least(w.hour_up, w.to_used))
    FROM whole w
$$;

-- The ranges that answer [p_from, p_to): calls [from_used, minutes_from), minutes to hours_from, hours to hours_to,
-- minutes to minutes_to, calls to to_used; by identity days and calls stand before the hours. Equal ends are empty.
CREATE FUNCTION genai.window_ranges(p_from timestamptz, p_to timestamptz, p_source text)
RETURNS TABLE (
    from_used timestamptz, to_used timestamptz, hours_from timestamptz, hours_to timestamptz,
    minutes_from timestamptz, minutes_to timestamptz, days_from timestamptz, days_to timestamptz
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.from_used, c.to_used, c.hours_from, c.hours_to, c.minutes_from, c.minutes_to,
        NULL::timestamptz, NULL::timestamptz
    FROM genai.window_cut(p_from, p_to) c WHERE p_source = 'series'
    UNION ALL
    SELECT c.from_used, c.to_used, c.hours_from, c.hours_to, NULL, NULL, c.days_from, c.days_to
    FROM genai.identity_cut(p_from, p_to) c WHERE p_source IN ('identity', 'person')
    UNION ALL
    SELECT c.from_used, c.to_used, c.hours_from, c.hours_to, NULL, NULL, c.from_used, c.from_used
    FROM genai.identity_hour_cut(p_from, p_to) c WHERE p_source = 'identity_hour'
    UNION ALL
    SELECT greatest(p_from, f.time), greatest(p_to, f.time), greatest(p_to, f.time), greatest(p_to, f.time),
        NULL, NULL, greatest(p_from, f.time), greatest(p_from, f.time)
    FROM genai.floor f WHERE p_source = 'calls' AND f.level = 'raw'
$$;

-- The series that a question is about. A filter is NULL or '*' for all; `p_env` may list several, with commas.
CREATE FUNCTION genai.series_of(
    p_env text, p_data_mode text, p_endpoint text, p_prompt_version text, p_model text, p_provider text,
    p_service text
) RETURNS TABLE (
    id bigint, service_name text, endpoint_tag text, prompt_version text, provider text, model text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.id, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model
    FROM genai.series s
    WHERE (coalesce(p_env, '*') = '*' OR s.environment = ANY (string_to_array(p_env, ',')))
        AND (coalesce(p_data_mode, '*') = '*' OR s.data_mode = p_data_mode)
        AND (coalesce(p_endpoint, '*') = '*' OR s.endpoint_tag = p_endpoint)
        AND (coalesce(p_prompt_version, '*') = '*' OR s.prompt_version = p_prompt_version)
        AND (coalesce(p_model, '*') = '*' OR s.model = p_model)
        AND (coalesce(p_provider, '*') = '*' OR s.provider = p_provider)
        AND (coalesce(p_service, '*') = '*' OR s.service_name = p_service)
$$;

CREATE FUNCTION genai.identity_of(p_user text, p_tenant text)
RETURNS TABLE (id bigint, tenant_id text, user_id text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT i.id, i.tenant_id, i.user_id
    FROM genai.identity i
    WHERE (coalesce(p_user, '*') = '*' OR i.user_id = p_user)
        AND (coalesce(p_tenant, '*') = '*' OR i.tenant_id = p_tenant)
$$;

-- The pieces that answer a window (`side` 1) and its baseline (0; none where it is NULL), and the level that each is read
-- from: a whole week from its sums where these are not stale, else a whole day, else hours; by identity below the floor of
-- the hours the days that these were folded into. Without `p_weeks` no piece is a week.
CREATE FUNCTION genai.level_pieces(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_source text, p_weeks boolean DEFAULT true
) RETURNS TABLE (side integer, level text, from_time timestamptz, to_time timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.side, x.level, x.from_time, x.to_time
    FROM (
        SELECT 1 AS side, w.* FROM genai.window_ranges(p_from, p_to, p_source) w
        UNION ALL
        SELECT 0, b.*
        FROM genai.window_ranges(
            genai.baseline_from(p_from, p_to, p_baseline), genai.baseline_to(p_from, p_to, p_baseline), p_source) b
        WHERE p_baseline IS NOT NULL
    ) r
    CROSS JOIN LATERAL (
        SELECT v.* FROM (VALUES
            ('call', r.from_used, coalesce(r.minutes_from, r.days_from)),
            ('minute', r.minutes_from, r.hours_from),
            ('call', r.days_to, r.hours_from),
            ('minute', r.hours_to, r.minutes_to),
            ('call', coalesce(r.minutes_to, r.hours_to), r.to_used)
        ) v (level, from_time, to_time)
        UNION ALL
        SELECT CASE WHEN w.bucket IS NOT NULL THEN 'week' WHEN f.is_folded THEN 'folded' WHEN s.bucket IS NOT NULL THEN 'day'
                ELSE 'hour' END,
            greatest(d.day, f.from_time), least(d.day + interval '24 hours', f.to_time)
        FROM (VALUES (r.hours_from, r.hours_to, false), (r.days_from, r.days_to, true)) f (from_time, to_time, is_folded)
        CROSS JOIN LATERAL generate_series(
            date_bin('24 hours', f.from_time, 'epoch'), f.to_time, interval '24 hours') d (day)
        LEFT JOIN genai.summed_day s ON s.bucket = d.day AND NOT f.is_folded AND d.day >= f.from_time
            AND d.day + interval '24 hours' <= f.to_time
            AND s.level = CASE p_source WHEN 'series' THEN 'hour' WHEN 'person' THEN 'identity_hour' END
        -- A week may begin among folded days and end among hours, where nothing lies between.
        LEFT JOIN genai.summed_week w ON p_weeks AND w.bucket = date_bin('168 hours', d.day, '1970-01-05 00:00:00+00')
            AND w.bucket >= CASE WHEN r.days_to = r.hours_from THEN r.days_from ELSE f.from_time END
            AND w.bucket + interval '168 hours' <= CASE WHEN r.days_to = r.hours_from THEN r.hours_to ELSE f.to_time END
            AND w.level = CASE p_source WHEN 'series' THEN 'hour' WHEN 'person' THEN 'identity_hour' END
    ) x (level, from_time, to_time)
    WHERE x.from_time < x.to_time
$$;

-- The same with neighbours of one level as one piece: each is a scan of its own.
CREATE FUNCTION genai.window_pieces(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_source text, p_weeks boolean DEFAULT true
) RETURNS TABLE (side integer, level text, from_time timestamptz, to_time timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT i.side, i.level, min(i.from_time), max(i.to_time)
    FROM (
        SELECT w.*, count(*) FILTER (WHERE w.from_time <> w.reached) OVER (
            PARTITION BY w.side, w.level ORDER BY w.from_time) AS island
        FROM (
            SELECT w.*, lag(w.to_time) OVER (PARTITION BY w.side, w.level ORDER BY w.from_time) AS reached
            FROM genai.level_pieces(p_from, p_to, p_baseline, p_source, p_weeks) w
        ) w
    ) i
    GROUP BY i.side, i.level, i.island
$$;

-- The value of one dimension.
CREATE FUNCTION genai.value_of(
    p_dimension text, p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text,
    p_service text
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE p_dimension
        WHEN 'endpoint' THEN p_endpoint WHEN 'prompt_version' THEN p_prompt_version WHEN 'user' THEN p_user
        WHEN 'tenant' THEN p_tenant WHEN 'model' THEN p_model WHEN 'family' THEN genai.model_family(p_model)
        WHEN 'provider' THEN p_provider WHEN 'service' THEN p_service
    END
$$;

-- The segment that a row belongs to: its value of the dimension (endpoint, prompt_version, user, tenant, model, family of
-- the model, provider or service), or of two at once (`tenant,model`): `acme · gpt-4o`.
CREATE FUNCTION genai.segment_of(
    p_dimension text, p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text,
    p_service text
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN strpos(p_dimension, ',') = 0
        THEN genai.value_of(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_provider, p_service)
        ELSE genai.value_of(split_part(p_dimension, ',', 1), p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
                p_provider, p_service)
            || ' · ' || genai.value_of(split_part(p_dimension, ',', 2), p_endpoint, p_prompt_version, p_user, p_tenant,
                p_model, p_provider, p_service)
    END
$$;
