-- The ledger itself and what feeds it: freshness, lag, rejections, sums, services that fell silent, calls that come again.

-- Whose data an alert on the whole ledger is about: prod's real data where there are any, or nothing at all yet; else what the
-- ledger holds, so that a demonstration or a test wakes nobody.
CREATE FUNCTION genai.ledger_part() RETURNS TABLE (env text, data_mode text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.env, p.data_mode
    FROM (
        SELECT 'prod', 'real', 1
        WHERE EXISTS (SELECT FROM genai.series s WHERE s.environment = 'prod' AND s.data_mode = 'real')
        UNION ALL
        (SELECT s.environment, s.data_mode, 2 FROM genai.series s WHERE NOT genai.is_probe(s.environment) LIMIT 1)
        UNION ALL
        SELECT 'prod', 'real', 3
    ) p (env, data_mode, rank)
    ORDER BY p.rank LIMIT 1
$$;

-- A row about the whole ledger, or a part of it that no dimension names. Environment and data mode `*`: it belongs to none.
CREATE FUNCTION genai.ledger_row(
    p_env text, p_data_mode text, p_scope text, p_score double precision, p_value double precision,
    p_threshold double precision, p_from timestamptz, p_to timestamptz
) RETURNS genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT ROW(p_env, p_data_mode, '', '', '', '', '', '', p_scope, coalesce((SELECT o.owner FROM genai.owner_of('', '') o), ''),
        genai.alert_number(p_score), genai.alert_number(p_value), p_threshold, -1, p_from, p_to)::genai.alert_row
$$;

-- The window of rules that judge the pipeline as it is now: the quarter of an hour up to it.
CREATE FUNCTION genai.lately(p_now timestamptz) RETURNS TABLE (window_from timestamptz, window_to timestamptz)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_now - interval '15 minutes', p_now
$$;

-- What was received is not visible in time, as the contract is judged (`freshness_now`). No figures at all are a breach.
CREATE FUNCTION genai.alert_freshness(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.lately(p_now) w
    CROSS JOIN LATERAL genai.alert_rows(ARRAY(
        SELECT genai.ledger_row(p.env, p.data_mode, 'ledger', CASE WHEN l.enabled THEN b.seconds / l.threshold ELSE 0 END,
            b.seconds, l.threshold, w.window_from, w.window_to)
        FROM genai.ledger_part() p
        CROSS JOIN genai.alert_limit('freshness') l
        CROSS JOIN LATERAL (SELECT n.seconds FROM genai.freshness_now(p_now) n) b
        WHERE genai.is_at_place(p_place, p.env, p.data_mode)
    ), w.window_from, w.window_to) r
$$;

-- Calls of a service arrive minutes after their end.
CREATE FUNCTION genai.alert_sender_lag(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.lately(p_now) w
    CROSS JOIN LATERAL genai.alert_rows(ARRAY(
        SELECT ROW(g.env, g.data_mode, g.service, '', '', '', '', '', '', coalesce(o.owner, ''),
            CASE WHEN l.enabled THEN genai.alert_number(least(g.p95_seconds / l.threshold, g.calls / nullif(l.minimum, 0))) ELSE 0 END,
            genai.alert_number(g.p95_seconds), l.threshold, -1, w.window_from, w.window_to)::genai.alert_row
        FROM genai.sender_lag(p_now) g
        CROSS JOIN LATERAL genai.alert_limit('sender_lag', p_service => g.service) l
        LEFT JOIN LATERAL genai.owner_of(g.service, '') o ON true
        WHERE genai.is_at_place(p_place, g.env, g.data_mode)
    ), w.window_from, w.window_to) r
$$;

-- Spans and reports of the last 15 minutes that were rejected for good, by reason. What was rejected has no environment: `*`.
-- Where the ledger is not about prod, neither are they.
CREATE FUNCTION genai.alert_ingest_rejects(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.lately(p_now) w
    CROSS JOIN LATERAL genai.alert_rows(ARRAY(
        SELECT genai.ledger_row('*', '*', q.reason, CASE WHEN l.enabled THEN q.spans / l.threshold ELSE 0 END, q.spans,
            l.threshold, w.window_from, w.window_to)
        FROM (
            SELECT q.reason, count(*)::float8 AS spans FROM genai.quarantine q
            WHERE q.received_at >= w.window_from AND q.received_at < w.window_to
            GROUP BY q.reason
        ) q
        CROSS JOIN genai.alert_limit('ingest_rejects') l
        CROSS JOIN genai.ledger_part() p
        WHERE genai.is_at_place(p_place, p.env, p.data_mode)
    ), w.window_from, w.window_to) r
$$;

-- Sums that differ from their calls at their last comparison; without a series they are of the whole ledger.
CREATE FUNCTION genai.alert_rollup_mismatch(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT genai.ledger_row(c.environment, c.data_mode, c.level, CASE WHEN l.enabled THEN c.buckets / l.threshold ELSE 0 END,
            c.buckets, l.threshold, c.from_time, c.to_time)
        FROM (
            SELECT coalesce(c.environment, p.env) AS environment, coalesce(c.data_mode, p.data_mode) AS data_mode, c.level,
                sum(c.differences)::float8 AS buckets, min(c.from_time) AS from_time, max(c.to_time) AS to_time
            FROM genai.rollup_check c
            CROSS JOIN genai.ledger_part() p
            WHERE c.differences > 0
            GROUP BY 1, 2, c.level
        ) c
        CROSS JOIN genai.alert_limit('rollup_mismatch') l
        WHERE genai.is_at_place(p_place, c.environment, c.data_mode)
    ), p_now - interval '1 hour', p_now) r
$$;

-- Whether the ledger can be read: Grafana's error is the alert, an answer is all well.
CREATE FUNCTION genai.alert_ledger_unreadable(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM (SELECT count(*) AS readable FROM (SELECT FROM genai.usage_hour u LIMIT 1) u) c
    CROSS JOIN genai.lately(p_now) w
    CROSS JOIN LATERAL genai.alert_rows(ARRAY(
        SELECT genai.ledger_row('prod', 'real', 'ledger', 0 * c.readable, 0, 1, w.window_from, w.window_to)
        WHERE p_place = 'prod'
    ), w.window_from, w.window_to) r
$$;

-- Always fires: whoever stops hearing it knows that alerts no longer arrive.
CREATE FUNCTION genai.alert_watchdog(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.alert_limit('watchdog') l
    CROSS JOIN genai.lately(p_now) w
    CROSS JOIN LATERAL genai.alert_rows(ARRAY(
        SELECT genai.ledger_row('prod', 'real', 'ledger', CASE WHEN l.enabled THEN 1 ELSE 0 END, 1, 1, w.window_from, w.window_to)
        WHERE p_place = 'prod'
    ), w.window_from, w.window_to) r
$$;
