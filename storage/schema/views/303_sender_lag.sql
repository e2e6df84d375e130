-- How late calls arrive. While a service's calls come later than its windows end, rules on its counts and ratios hold: a
-- score of 0.9 fires nothing new and resolves nothing, and the rule on sender lag speaks (DESIGN §8).

-- From the end of a call to its receipt: of a sample of what came in the last two minutes, seconds by service.
CREATE FUNCTION genai.sender_lag(p_now timestamptz)
RETURNS TABLE (env text, data_mode text, service text, calls bigint, p95_seconds double precision)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT m.environment, m.data_mode, m.service_name, count(*),
        percentile_cont(0.95) WITHIN GROUP (ORDER BY greatest(0,
            extract(epoch FROM m.received_at - m.time) - coalesce(m.latency_ms, 0) / 1e3))
    FROM (
        SELECT DISTINCT k.call, k.time FROM genai.call_key k
        WHERE k.received_at >= p_now - interval '2 minutes' AND k.received_at < p_now
        LIMIT 2000
    ) k
    JOIN genai.model_call m ON m.time = k.time AND m.call_key = k.call
    GROUP BY m.environment, m.data_mode, m.service_name
$$;

-- The services whose calls come too late to be judged by the newest windows.
CREATE FUNCTION genai.late_senders(p_now timestamptz)
RETURNS TABLE (env text, data_mode text, service text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT g.env, g.data_mode, g.service
    FROM genai.sender_lag(p_now) g
    CROSS JOIN LATERAL genai.alert_limit('sender_lag', p_service => g.service) l
    WHERE g.p95_seconds > l.threshold AND g.calls >= l.minimum
$$;
