-- How late calls arrive, and which come again. While a service's calls come later than its windows end, rules on its counts, ratios and shares
-- hold: a score of 0.9 fires nothing new and resolves nothing, and the rule on sender lag speaks (DESIGN §8).

-- Calls that came again although they were counted, by the minute of the repeated delivery.
CREATE VIEW genai.resend_minute AS
SELECT r.minute, r.environment, r.data_mode, r.service_name, r.calls FROM _genai.resend_minute r;

-- From the end of a call to its receipt, in seconds by service, of what came in [p_from, p_to): all of it, or about `p_calls`
-- from the beginning of each quarter. Not by LIMIT: a plan that expects rows everywhere reads the whole table up to the newest.
CREATE FUNCTION genai.arrival_delay(p_from timestamptz, p_to timestamptz, p_calls integer)
RETURNS TABLE (env text, data_mode text, service text, calls bigint, least_seconds double precision, p95_seconds double precision)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH part AS MATERIALIZED (
        SELECT (p_to - p_from) / 4 AS quarter, least(1, p_calls / greatest(1, r.per_second * extract(epoch FROM p_to - p_from)))::float8 AS share
        FROM (
            SELECT coalesce(genai.total(h.calls), 0)::float8
                / extract(epoch FROM p_to - date_bin('1 hour', p_to, 'epoch') + interval '1 hour') AS per_second
            FROM genai.measured_hour h
            WHERE h.bucket >= date_bin('1 hour', p_to, 'epoch') - interval '1 hour' AND h.bucket <= p_to
        ) r
    )
    SELECT m.environment, m.data_mode, m.service_name, count(*), min(d.seconds),
        percentile_cont(0.95) WITHIN GROUP (ORDER BY d.seconds)
    FROM (
        SELECT DISTINCT k.call, k.time
        FROM part p
        CROSS JOIN generate_series(0, 3) q
        CROSS JOIN LATERAL (
            SELECT k.call, k.time FROM genai.call_key k
            WHERE k.received_at >= p_from + p.quarter * q AND k.received_at < p_from + p.quarter * (q + p.share)
        ) k
    ) k
    CROSS JOIN LATERAL (
        -- Looked up one by one: a plan that joins reads the whole table.
        SELECT m.environment, m.data_mode, m.service_name, m.time, m.received_at, m.latency_ms
        FROM genai.model_call m WHERE m.time = k.time AND m.call_key = k.call
        OFFSET 0
    ) m
    CROSS JOIN LATERAL (
        SELECT (extract(epoch FROM m.received_at - m.time) - coalesce(m.latency_ms, 0) / 1e3)::float8 AS seconds
    ) d
    GROUP BY m.environment, m.data_mode, m.service_name
$$;

-- How late the calls of the last ten minutes came, by service: one in twenty is enough, and a small service needs as long. A sender's clock that is wrong shifts all of its delays: where
-- one looks suspicious, the least delay of the hour before is taken off. What always comes equally late is such a shift, too.
CREATE FUNCTION genai.sender_lag(p_now timestamptz)
RETURNS TABLE (env text, data_mode text, service text, calls bigint, p95_seconds double precision)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH lately AS MATERIALIZED (SELECT a.* FROM genai.arrival_delay(p_now - interval '10 minutes', p_now, 1500) a),
    usual AS MATERIALIZED (
        SELECT a.env, a.data_mode, a.service, a.least_seconds
        FROM genai.arrival_delay(p_now - interval '70 minutes', p_now - interval '10 minutes', 1500) a
        WHERE EXISTS (SELECT FROM lately l WHERE l.p95_seconds > 60 OR l.least_seconds < -30)
    )
    SELECT l.env, l.data_mode, l.service, l.calls,
        greatest(0, l.p95_seconds - coalesce(CASE WHEN abs(u.least_seconds) > 30 THEN u.least_seconds END, 0))
    FROM lately l
    LEFT JOIN usual u USING (env, data_mode, service)
$$;

-- The services whose calls come too late to be judged by the newest windows. Half a dozen rules ask every minute: they take the
-- sample of the last two minutes (`sender_lag_minute`), and measure themselves where there is none.
CREATE FUNCTION genai.late_senders(p_now timestamptz)
RETURNS TABLE (env text, data_mode text, service text) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_minute timestamptz := (
        SELECT max(l.minute) FROM genai.sender_lag_minute l WHERE l.minute > p_now - interval '2 minutes' AND l.minute <= p_now);
BEGIN
    IF v_minute IS NULL THEN
        RETURN QUERY
        SELECT g.env, g.data_mode, g.service
        FROM genai.sender_lag(p_now) g
        CROSS JOIN genai.alert_limit('sender_lag', p_service => g.service) l
        WHERE g.p95_seconds > l.threshold AND g.calls >= l.minimum;
    ELSE
        RETURN QUERY
        SELECT g.environment, g.data_mode, g.service_name
        FROM genai.sender_lag_minute g
        CROSS JOIN genai.alert_limit('sender_lag', p_service => g.service_name) l
        WHERE g.minute = v_minute AND g.p95_seconds > l.threshold AND g.calls >= l.minimum;
    END IF;
END
$$;
