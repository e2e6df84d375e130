-- A burst of calls of which more fail than usual: abuse, a loop, a retry storm (DESIGN §8). Neither alone is one.

-- Calls and their ends of fifteen minutes (`hours` 0), and the same 24 and 168 hours before, by endpoint.
CREATE FUNCTION genai.alert_endings(p_to timestamptz, p_place text)
RETURNS TABLE (
    hours integer, env text, data_mode text, service text, endpoint text, calls double precision, errors double precision,
    failing double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.hours, s.environment, s.data_mode, min(s.service_name), s.endpoint_tag, sum(m.calls)::float8,
        coalesce(sum(m.errors), 0)::float8,
        (coalesce(sum(m.errors), 0) / nullif(coalesce(sum(m.successes), 0) + coalesce(sum(m.errors), 0), 0))::float8
    FROM (VALUES (0), (24), (168)) v (hours)
    CROSS JOIN LATERAL (
        SELECT m.* FROM genai.measured_minute m
        WHERE m.bucket >= p_to - make_interval(hours => v.hours, mins => 15) AND m.bucket < p_to - make_interval(hours => v.hours)
        OFFSET 0) m
    JOIN genai.series s ON s.id = m.series_id
    WHERE genai.is_at_place(p_place, s.environment, s.data_mode)
    GROUP BY v.hours, s.environment, s.data_mode, s.endpoint_tag
$$;

-- The least of: calls against the busier baseline and their threshold; the share of failing calls against the worse
-- baseline and a tenth more; both differences against four deviations; calls against their minimum. While calls come late,
-- it holds.
CREATE FUNCTION genai.alert_burst_failing(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH ending AS MATERIALIZED (SELECT u.* FROM genai.alert_endings(genai.alert_end(p_now), p_place) u),
    late AS MATERIALIZED (SELECT g.* FROM genai.late_senders(p_now) g)
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW(n.env, n.data_mode, '', n.endpoint, '', '', '', '', '', coalesce(o.owner, ''),
            CASE WHEN (n.env, n.data_mode, n.service) IN (SELECT g.env, g.data_mode, g.service FROM late g) THEN 0.9
                WHEN l.enabled AND b.calls > 0 THEN genai.alert_number(greatest(0, least(
                n.calls / b.calls / l.threshold,
                (n.calls - b.calls) / sqrt(2 * (n.calls + b.calls)) / 4,
                (coalesce(n.failing, 0) - b.failing) / 0.1,
                (coalesce(n.failing, 0) - b.failing)
                    / sqrt(f.failing * (1 - f.failing) * (1 / n.calls + 1 / b.calls) + 1e-9) / 4,
                n.calls / nullif(l.minimum, 0)))) ELSE 0 END,
            genai.alert_number(n.calls / nullif(b.calls, 0)), l.threshold, coalesce(b.hours, -1),
            genai.alert_end(p_now) - interval '15 minutes', genai.alert_end(p_now))::genai.alert_row
        FROM ending n
        CROSS JOIN LATERAL genai.alert_limit('burst_failing', p_endpoint => n.endpoint) l
        LEFT JOIN LATERAL (
            SELECT max(b.calls) AS calls, max(coalesce(b.failing, 0)) AS failing,
                (array_agg(b.hours ORDER BY b.calls DESC, b.hours))[1] AS hours
            FROM ending b
            WHERE b.hours > 0 AND (b.env, b.data_mode, b.endpoint) = (n.env, n.data_mode, n.endpoint) AND b.calls >= l.minimum / 10
        ) b ON true
        CROSS JOIN LATERAL (
            SELECT (n.errors + coalesce(b.failing, 0) * coalesce(b.calls, 0)) / (n.calls + coalesce(b.calls, 0)) AS failing
        ) f
        LEFT JOIN LATERAL genai.owner_of(n.service, n.endpoint) o ON true
        WHERE n.hours = 0
    ), genai.alert_end(p_now) - interval '15 minutes', genai.alert_end(p_now)) r
$$;
