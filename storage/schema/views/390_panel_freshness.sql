-- What the Freshness dashboard asks.

-- How the contract stands at this moment, for the large figures.
CREATE FUNCTION genai.panel_freshness_state()
RETURNS TABLE (p95_seconds double precision, behind_seconds double precision, budget_used double precision, probe text,
    burn_1h double precision, complete_to timestamptz) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN n.calls > 0 THEN n.p95_seconds END, CASE WHEN n.complete_to IS NOT NULL THEN n.behind_seconds END, b.used,
        CASE WHEN s.every_seconds IS NULL THEN 'off' WHEN s.is_missing THEN 'missing' WHEN s.failure IS NOT NULL
            THEN 'fails: ' || s.failure WHEN s.sent_at IS NULL THEN 'not yet' ELSE 'ok' END, b.burn_1h, n.complete_to
    FROM genai.freshness_now() n
    CROSS JOIN genai.probe_state() s
    CROSS JOIN genai.freshness_budget() b
$$;

-- P50, P95 and P99 over time, with the lines to hold them against; the worst of a breach while it lasted.
CREATE FUNCTION genai.panel_freshness_course(p_from timestamptz, p_to timestamptz)
RETURNS TABLE ("time" timestamptz, p50 double precision, p95 double precision, p99 double precision,
    target double precision, objective double precision, breach double precision, until_ms bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT f.time, least(f.p50_seconds, 3600), least(f.p95_seconds, 3600), least(f.p99_seconds, 3600), o.target_seconds,
        o.objective_seconds, (
            SELECT max(greatest(b.peak_seconds, 0.001)) FROM genai.freshness_breach b
            WHERE b.opened_at < f.time + s.width AND coalesce(b.closed_at, 'infinity') > f.time),
        (extract(epoch FROM f.time + s.width) * 1000)::bigint
    FROM (SELECT CASE WHEN p_to - p_from <= interval '7 hours' THEN 'minute' WHEN p_to - p_from <= interval '15 days' THEN 'hour'
        ELSE 'day' END AS step) c
    CROSS JOIN LATERAL (SELECT ('1 ' || c.step)::interval AS width) s
    CROSS JOIN genai.freshness_objective() o
    CROSS JOIN LATERAL genai.freshness_by(p_from, p_to, c.step) f
    WHERE f.time IS NOT NULL
    ORDER BY f.time
$$;

-- Breaches that lasted in the range, the latest first.
CREATE FUNCTION genai.panel_breaches(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (opened timestamptz, state text, lasted double precision, worst double precision, cause text, detail text,
    note text, id bigint) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT b.opened_at, CASE WHEN b.closed_at IS NULL THEN 'open' ELSE 'closed' END, b.lasted_seconds, b.peak_seconds,
        replace(b.cause, '_', ' '), b.detail, concat_ws(' ', nullif(b.note, ''), '(' || b.noted_by || ')'), b.id
    FROM genai.freshness_breach b
    WHERE b.opened_at < p_to AND coalesce(b.closed_at, 'infinity') >= p_from
    ORDER BY b.opened_at DESC
    LIMIT 100
$$;

-- The probe over time: the slowest of every step, and how many failed.
CREATE FUNCTION genai.panel_probe_course(p_from timestamptz, p_to timestamptz)
RETURNS TABLE ("time" timestamptz, accepted double precision, visible double precision, grafana double precision,
    until_ms bigint) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT date_bin(c.width, p.sent_at, 'epoch'), max(p.accepted_seconds), max(p.visible_seconds), max(p.grafana_seconds),
        (extract(epoch FROM date_bin(c.width, p.sent_at, 'epoch') + c.width) * 1000)::bigint
    FROM (SELECT CASE WHEN p_to - p_from <= interval '7 hours' THEN interval '1 minute' WHEN p_to - p_from <= interval '15 days'
        THEN interval '15 minutes' ELSE interval '6 hours' END AS width) c
    CROSS JOIN genai.probe p
    WHERE p.sent_at >= p_from AND p.sent_at < p_to
    GROUP BY 1, 5
    ORDER BY 1
$$;

-- Stages of the probe in a range: how often each failed, when last and with which words; first those that came through.
CREATE FUNCTION genai.panel_probe_stages(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (stage text, requests bigint, last_at timestamptz, detail text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(p.failure, 'came through'), count(*), max(p.sent_at),
        coalesce((array_agg(p.detail ORDER BY p.sent_at DESC))[1], '')
    FROM genai.probe p
    WHERE p.sent_at >= p_from AND p.sent_at < p_to
    GROUP BY p.failure
    ORDER BY p.failure NULLS FIRST
$$;

-- How late the calls of each service came over time, the P95 in seconds; twenty services, the latest of them.
CREATE FUNCTION genai.panel_lag_course(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE ("time" timestamptz, seconds double precision, segment text, focus text, until_ms bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT l.time, l.p95_seconds, l.service_name, l.service_name,
        (extract(epoch FROM l.time + ('1 ' || c.step)::interval) * 1000)::bigint
    FROM (SELECT CASE WHEN p_to - p_from <= interval '7 hours' THEN 'minute' WHEN p_to - p_from <= interval '15 days' THEN 'hour'
        ELSE 'day' END AS step) c
    CROSS JOIN LATERAL genai.sender_lag_by(p_from, p_to, c.step) l
    WHERE genai.is_selected(p_env, p_data_mode, l.environment, l.data_mode)
        AND l.service_name IN (
            SELECT t.service_name FROM genai.sender_lag_minute t
            WHERE t.minute >= p_from AND t.minute < p_to AND genai.is_selected(p_env, p_data_mode, t.environment, t.data_mode)
            GROUP BY t.service_name ORDER BY max(t.p95_seconds) DESC, t.service_name LIMIT 20)
    ORDER BY l.time, l.service_name
$$;

-- Services of a range by how late their calls came: the worst and the last P95, and how far their clocks are ahead.
CREATE FUNCTION genai.panel_lags(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE (service text, environment text, data_mode text, worst double precision, latest double precision,
    ahead double precision, seen timestamptz) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT l.service_name, l.environment, l.data_mode, max(l.p95_seconds),
        (array_agg(l.p95_seconds ORDER BY l.minute DESC))[1], greatest(0, -min(l.least_seconds)), max(l.minute)
    FROM genai.sender_lag_minute l
    WHERE l.minute >= p_from AND l.minute < p_to AND genai.is_selected(p_env, p_data_mode, l.environment, l.data_mode)
        AND NOT genai.is_probe(l.environment)
    GROUP BY l.service_name, l.environment, l.data_mode
    ORDER BY max(l.p95_seconds) DESC, l.service_name
    LIMIT 100
$$;

-- The last thirty days up to the end of the range: how fresh each was, and what it took of the error budget.
CREATE FUNCTION genai.panel_freshness_days(p_to timestamptz)
RETURNS TABLE (day text, calls bigint, p50 double precision, p95 double precision, p99 double precision, late bigint,
    used double precision) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_char(f.time AT TIME ZONE 'UTC', 'YYYY-MM-DD'), f.calls, least(f.p50_seconds, 3600), least(f.p95_seconds, 3600),
        least(f.p99_seconds, 3600), coalesce(d.late, 0), coalesce(d.late, 0) / nullif(0.05 * f.calls, 0)
    FROM genai.freshness_objective() o
    CROSS JOIN LATERAL genai.freshness_by(p_to - interval '30 days', p_to, 'day') f
    LEFT JOIN LATERAL (
        SELECT sum(x.calls)::bigint AS late FROM genai.freshness_day x
        WHERE x.day = f.time AND x.up_to_ms > o.objective_seconds * 1e3
    ) d ON true
    WHERE f.time IS NOT NULL
    ORDER BY f.time DESC
$$;
