-- Services that fell silent, and deliveries that come again.

-- A service that sent at this time yesterday and a week ago, as far as the data reach, and sends nearly nothing now. What
-- comes late is not silent: the rule holds.
CREATE FUNCTION genai.alert_telemetry_silent(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH sent AS MATERIALIZED (
        SELECT v.hours, s.environment, s.data_mode, s.service_name, sum(m.calls)::float8 AS calls
        FROM (VALUES (0), (24), (168)) v (hours)
        CROSS JOIN LATERAL (
            SELECT m.* FROM genai.measured_minute m
            WHERE m.bucket >= genai.alert_end(p_now) - make_interval(hours => v.hours, mins => 30)
                AND m.bucket < genai.alert_end(p_now) - make_interval(hours => v.hours) OFFSET 0) m
        JOIN genai.series s ON s.id = m.series_id
        WHERE genai.is_at_place(p_place, s.environment, s.data_mode)
        GROUP BY v.hours, s.environment, s.data_mode, s.service_name
    ), late AS MATERIALIZED (SELECT g.* FROM genai.late_senders(p_now) g)
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW(b.environment, b.data_mode, b.service_name, '', '', '', '', '', '', coalesce(o.owner, ''),
            CASE WHEN (b.environment, b.data_mode, b.service_name) IN (SELECT g.env, g.data_mode, g.service FROM late g) THEN 0.9
                WHEN l.enabled THEN least((1 - coalesce(n.calls, 0) / b.calls) / l.threshold, b.calls / nullif(l.minimum, 0)) ELSE 0 END,
            greatest(1 - coalesce(n.calls, 0) / b.calls, 0), l.threshold, 24,
            genai.alert_end(p_now) - interval '30 minutes', genai.alert_end(p_now))::genai.alert_row
        FROM (
            SELECT y.environment, y.data_mode, y.service_name, least(y.calls, CASE
                WHEN genai.has_data_before(y.environment, y.data_mode, genai.alert_end(p_now) - interval '168 hours 30 minutes')
                    THEN coalesce(w.calls, 0) END) AS calls
            FROM sent y
            LEFT JOIN sent w ON (w.hours, w.environment, w.data_mode, w.service_name)
                = (168, y.environment, y.data_mode, y.service_name)
            WHERE y.hours = 24
        ) b
        LEFT JOIN sent n ON (n.hours, n.environment, n.data_mode, n.service_name) = (0, b.environment, b.data_mode, b.service_name)
        CROSS JOIN LATERAL genai.alert_limit('telemetry_silent', p_service => b.service_name) l
        LEFT JOIN LATERAL genai.owner_of(b.service_name, '') o ON true
        WHERE b.calls > 0
    ), genai.alert_end(p_now) - interval '30 minutes', genai.alert_end(p_now)) r
$$;

-- Calls of a service that were counted before and came again, as a part of all that it delivered in 15 minutes, against its
-- usual part: twice that, or half way from there to all. A resend or two after a hiccup is no surge: it takes three minutes.
CREATE FUNCTION genai.alert_duplicate_deliveries(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH part AS MATERIALIZED (
        SELECT v.hours, again.environment, again.data_mode, again.service_name, again.calls, again.minutes,
            again.calls / (again.calls + coalesce(new.calls, 0)) AS share
        FROM genai.lately(p_now) w
        CROSS JOIN (VALUES (0), (24), (168)) v (hours)
        CROSS JOIN LATERAL (
            SELECT r.environment, r.data_mode, r.service_name, sum(r.calls)::float8 AS calls, count(*) AS minutes
            FROM genai.resend_minute r
            WHERE r.minute >= w.window_from - make_interval(hours => v.hours) AND r.minute < w.window_to - make_interval(hours => v.hours)
                AND genai.is_at_place(p_place, r.environment, r.data_mode)
            GROUP BY r.environment, r.data_mode, r.service_name
        ) again
        LEFT JOIN LATERAL (
            SELECT sum(m.calls)::float8 AS calls
            FROM genai.measured_minute m
            JOIN genai.series s ON s.id = m.series_id
            WHERE m.bucket >= w.window_from - make_interval(hours => v.hours) AND m.bucket < w.window_to - make_interval(hours => v.hours)
                AND (s.environment, s.data_mode, s.service_name) = (again.environment, again.data_mode, again.service_name)
        ) new ON true
    )
    SELECT r.*
    FROM genai.lately(p_now) w
    CROSS JOIN LATERAL genai.alert_rows(ARRAY(
        SELECT ROW(n.environment, n.data_mode, n.service_name, '', '', '', '', '', '', coalesce(o.owner, ''),
            CASE WHEN l.enabled THEN least(n.share / t.share, n.calls / nullif(l.minimum, 0), n.minutes / 3.0) ELSE 0 END,
            n.share, t.share, coalesce(u.hours, -1), w.window_from, w.window_to)::genai.alert_row
        FROM (SELECT n.* FROM part n WHERE n.hours = 0 ORDER BY n.calls DESC LIMIT 200) n
        CROSS JOIN LATERAL genai.alert_limit('duplicate_deliveries', p_service => n.service_name) l
        LEFT JOIN LATERAL (
            SELECT u.share, u.hours FROM part u
            WHERE u.hours > 0 AND (u.environment, u.data_mode, u.service_name) = (n.environment, n.data_mode, n.service_name)
            ORDER BY u.share DESC LIMIT 1
        ) u ON true
        CROSS JOIN LATERAL (
            SELECT greatest(l.threshold, least(2 * u.share, u.share + (1 - u.share) / 2)) AS share
        ) t
        LEFT JOIN LATERAL genai.owner_of(n.service_name, '') o ON true
    ), w.window_from, w.window_to) r
$$;
