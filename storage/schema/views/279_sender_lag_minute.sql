-- How late the calls of each sender came: every minute a sample of the last ten, kept as long as `retention.quarantine`.
CREATE VIEW genai.sender_lag_minute AS
SELECT l.minute, l.environment, l.data_mode, l.service_name, l.calls, l.p95_seconds, l.least_seconds
FROM _genai.sender_lag_minute l;

-- The same by step ('minute', 'hour' or 'day', UTC) and service: the worst P95, and the quickest call of all.
CREATE FUNCTION genai.sender_lag_by(p_from timestamptz, p_to timestamptz, p_step text DEFAULT 'day')
RETURNS TABLE ("time" timestamptz, environment text, data_mode text, service_name text, calls bigint,
    p95_seconds double precision, least_seconds double precision) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT date_bin(('1 ' || p_step)::interval, l.minute, 'epoch'), l.environment, l.data_mode, l.service_name,
        sum(l.calls)::bigint, max(l.p95_seconds), min(l.least_seconds)
    FROM genai.sender_lag_minute l
    WHERE l.minute >= date_bin(('1 ' || p_step)::interval, p_from, 'epoch') AND l.minute < p_to
        AND NOT genai.is_probe(l.environment)
    GROUP BY 1, l.environment, l.data_mode, l.service_name
    ORDER BY 1, l.environment, l.data_mode, l.service_name
$$;
