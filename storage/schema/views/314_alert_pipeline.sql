-- The ledger itself and what feeds it: freshness, lag, rejections, sums, services that fell silent.

-- From receipt to visible: seconds below which 95 of 100 calls of ten minutes stayed, or how long nothing has been known to
-- be complete, whichever is more. No figures at all are a breach.
CREATE FUNCTION genai.alert_freshness(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.alert_limit('freshness') l
    CROSS JOIN (
        SELECT coalesce(max(extract(epoch FROM p_now - w.complete_to)), 1e6)::float8 AS seconds FROM genai.watermark w
    ) behind
    CROSS JOIN (
        SELECT coalesce(min(f.up_to_ms) FILTER (WHERE f.reached >= 0.95 * f.calls), 0) / 1e3 AS seconds
        FROM (
            SELECT b.up_to_ms, sum(b.calls) OVER (ORDER BY b.up_to_ms) AS reached, sum(b.calls) OVER () AS calls
            FROM (
                SELECT m.up_to_ms, sum(m.calls) AS calls FROM genai.freshness_minute m
                WHERE m.minute >= p_now - interval '10 minutes' AND m.minute < p_now
                GROUP BY m.up_to_ms
            ) b
        ) f
    ) p95
    CROSS JOIN LATERAL genai.alert_rows(ARRAY(
        SELECT ROW('prod', 'real', '', '', '', '', '', '', 'ledger', coalesce((SELECT o.owner FROM genai.owner_of('', '') o), ''),
            CASE WHEN l.enabled THEN genai.alert_number(greatest(behind.seconds, p95.seconds) / l.threshold) ELSE 0 END,
            genai.alert_number(greatest(behind.seconds, p95.seconds)), l.threshold, -1,
            p_now - interval '15 minutes', p_now)::genai.alert_row
        WHERE p_place = 'prod'
    ), p_now - interval '15 minutes', p_now) r
$$;

-- Calls of a service arrive minutes after their end.
CREATE FUNCTION genai.alert_sender_lag(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW(g.env, g.data_mode, g.service, '', '', '', '', '', '', coalesce(o.owner, ''),
            CASE WHEN l.enabled THEN genai.alert_number(least(g.p95_seconds / l.threshold, g.calls / nullif(l.minimum, 0))) ELSE 0 END,
            genai.alert_number(g.p95_seconds), l.threshold, -1, p_now - interval '15 minutes', p_now)::genai.alert_row
        FROM genai.sender_lag(p_now) g
        CROSS JOIN LATERAL genai.alert_limit('sender_lag', p_service => g.service) l
        LEFT JOIN LATERAL genai.owner_of(g.service, '') o ON true
        WHERE genai.is_at_place(p_place, g.env, g.data_mode)
    ), p_now - interval '15 minutes', p_now) r
$$;

-- Spans and reports of the last 15 minutes that were rejected for good, by reason.
CREATE FUNCTION genai.alert_ingest_rejects(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW('prod', 'real', '', '', '', '', '', '', q.reason, coalesce((SELECT o.owner FROM genai.owner_of('', '') o), ''),
            CASE WHEN l.enabled THEN q.spans / l.threshold ELSE 0 END, q.spans, l.threshold, -1,
            p_now - interval '15 minutes', p_now)::genai.alert_row
        FROM (
            SELECT q.reason, count(*)::float8 AS spans FROM genai.quarantine q
            WHERE q.received_at >= p_now - interval '15 minutes' AND q.received_at < p_now
            GROUP BY q.reason
        ) q
        CROSS JOIN genai.alert_limit('ingest_rejects') l
        WHERE p_place = 'prod'
    ), p_now - interval '15 minutes', p_now) r
$$;

-- Sums that differ from their calls at their last comparison.
CREATE FUNCTION genai.alert_rollup_mismatch(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW(c.environment, c.data_mode, '', '', '', '', '', '', c.level, coalesce((SELECT o.owner FROM genai.owner_of('', '') o), ''),
            CASE WHEN l.enabled THEN c.buckets / l.threshold ELSE 0 END, c.buckets, l.threshold, -1, c.from_time, c.to_time
            )::genai.alert_row
        FROM (
            SELECT coalesce(c.environment, 'prod') AS environment, coalesce(c.data_mode, 'real') AS data_mode, c.level,
                sum(c.differences)::float8 AS buckets, min(c.from_time) AS from_time, max(c.to_time) AS to_time
            FROM genai.rollup_check c WHERE c.differences > 0
            GROUP BY 1, 2, c.level
        ) c
        CROSS JOIN genai.alert_limit('rollup_mismatch') l
        WHERE genai.is_at_place(p_place, c.environment, c.data_mode)
    ), p_now - interval '1 hour', p_now) r
$$;

-- A service that sent at this time yesterday and a week ago, as far as the data reach, and sends nearly nothing now.
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
    )
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW(b.environment, b.data_mode, b.service_name, '', '', '', '', '', '', coalesce(o.owner, ''),
            CASE WHEN l.enabled THEN least((1 - coalesce(n.calls, 0) / b.calls) / l.threshold, b.calls / nullif(l.minimum, 0)) ELSE 0 END,
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

-- Whether the ledger can be read: Grafana's error is the alert, an answer is all well.
CREATE FUNCTION genai.alert_ledger_unreadable(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM (SELECT count(*) AS readable FROM (SELECT FROM genai.usage_hour u LIMIT 1) u) c
    CROSS JOIN LATERAL genai.alert_rows(ARRAY(
        SELECT ROW('prod', 'real', '', '', '', '', '', '', 'ledger', coalesce((SELECT o.owner FROM genai.owner_of('', '') o), ''),
            0 * c.readable, 0, 1, -1, p_now - interval '15 minutes', p_now)::genai.alert_row
        WHERE p_place = 'prod'
    ), p_now - interval '15 minutes', p_now) r
$$;

-- Always fires: whoever stops hearing it knows that alerts no longer arrive.
CREATE FUNCTION genai.alert_watchdog(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.alert_limit('watchdog') l
    CROSS JOIN LATERAL genai.alert_rows(ARRAY(
        SELECT ROW('prod', 'real', '', '', '', '', '', '', 'ledger', coalesce((SELECT o.owner FROM genai.owner_of('', '') o), ''),
            CASE WHEN l.enabled THEN 1 ELSE 0 END, 1, 1, -1, p_now - interval '15 minutes', p_now)::genai.alert_row
        WHERE p_place = 'prod'
    ), p_now - interval '15 minutes', p_now) r
$$;
