-- The freshness contract: of 100 calls that arrive 95 are visible within the objective, and the probe comes through
-- (docs/monitoring.md).

-- The share of calls of a range that took longer than so many seconds. A call counts as late unless its bucket's upper bound is
-- within the limit.
CREATE FUNCTION genai.late_calls(p_from timestamptz, p_to timestamptz, p_seconds double precision)
RETURNS TABLE (calls bigint, late bigint) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum(m.calls), 0)::bigint, coalesce(sum(m.calls) FILTER (WHERE m.up_to_ms > p_seconds * 1e3), 0)::bigint
    FROM genai.freshness_minute m
    WHERE m.minute >= date_bin('1 minute', p_from, 'epoch') AND m.minute < p_to
$$;

-- The probe as it stands: the last request, the last one that came through, and whether it is failing or missing. One that is
-- late by two periods is missing.
CREATE FUNCTION genai.probe_state(p_now timestamptz DEFAULT now())
RETURNS TABLE (every_seconds double precision, sent_at timestamptz, good_at timestamptz, failure text, detail text,
    is_missing boolean) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT o.probe_every_seconds, l.sent_at, g.sent_at, l.failure, l.detail,
        o.probe_every_seconds IS NOT NULL
            AND coalesce(l.sent_at, s.updated_at) < p_now - make_interval(secs => 3 * o.probe_every_seconds)
    FROM genai.freshness_objective() o
    LEFT JOIN genai.setting s ON s.key = 'probe_every_seconds'
    LEFT JOIN LATERAL (
        SELECT p.sent_at, p.failure, p.detail FROM genai.probe p WHERE p.sent_at <= p_now ORDER BY p.sent_at DESC LIMIT 1
    ) l ON o.probe_every_seconds IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT p.sent_at FROM genai.probe p WHERE p.sent_at <= p_now AND p.failure IS NULL ORDER BY p.sent_at DESC LIMIT 1
    ) g ON o.probe_every_seconds IS NOT NULL
$$;

-- Spans and reports of a range that were rejected for good: they never become visible. `is_breach`: ten or more, and more than
-- five of 100 that arrived.
CREATE FUNCTION genai.rejected_of(p_from timestamptz, p_to timestamptz, p_calls bigint)
RETURNS TABLE (rejected bigint, is_breach boolean) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT count(*), count(*) >= 10 AND count(*) > 0.05 * (count(*) + coalesce(p_calls, 0))
    FROM genai.quarantine q
    WHERE q.received_at >= p_from AND q.received_at < p_to
$$;

-- How the contract stands: `seconds` is the worst of the P95 of the last minutes, how far the sums are behind, and how long no
-- probe came through while it fails or is missing. Without any receiver ever, nothing is known and that is a breach.
CREATE FUNCTION genai.freshness_now(p_now timestamptz DEFAULT now())
RETURNS TABLE (seconds double precision, objective_seconds double precision, is_breach boolean, reason text,
    calls bigint, p95_seconds double precision, behind_seconds double precision, probe_seconds double precision,
    complete_to timestamptz, probe_failure text, probe_detail text, rejected bigint) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.seconds, s.objective_seconds,
        s.seconds > s.objective_seconds OR s.is_missing OR s.failure IS NOT NULL OR s.loses,
        CASE WHEN s.behind_seconds = s.seconds AND s.seconds > s.objective_seconds THEN 'behind'
            WHEN s.p95_seconds = s.seconds AND s.seconds > s.objective_seconds THEN 'p95'
            WHEN s.is_missing THEN 'probe_missing' WHEN s.failure IS NOT NULL THEN 'probe_' || s.failure
            WHEN s.loses THEN 'rejected' END,
        s.calls, s.p95_seconds, s.behind_seconds, s.probe_seconds, s.complete_to, s.failure, s.detail, s.rejected
    FROM (
        SELECT greatest(f.p95_seconds, b.behind_seconds, p.seconds) AS seconds, o.objective_seconds, f.calls, f.p95_seconds,
            b.behind_seconds, b.complete_to, p.seconds AS probe_seconds, p.failure, p.detail, p.is_missing, r.rejected,
            r.is_breach AS loses
        FROM genai.freshness_objective() o
        CROSS JOIN LATERAL (
            SELECT max(f.calls) AS calls, least(coalesce(max(f.p95_seconds), 0), 1e6) AS p95_seconds
            FROM genai.freshness_by(p_now - make_interval(secs => o.window_seconds), p_now, 'minute') f WHERE f.time IS NULL
        ) f
        CROSS JOIN LATERAL (
            SELECT c.complete_to, greatest(coalesce(extract(epoch FROM p_now - c.complete_to), 1e6), 0)::float8 AS behind_seconds
            FROM (SELECT genai.complete_to() AS complete_to) c
        ) b
        CROSS JOIN LATERAL (
            SELECT s.failure, s.detail, s.is_missing, CASE WHEN s.is_missing OR s.failure IS NOT NULL
                THEN extract(epoch FROM p_now - coalesce(s.good_at, s.sent_at, p_now))::float8 ELSE 0 END AS seconds
            FROM genai.probe_state(p_now) s
        ) p
        CROSS JOIN LATERAL genai.rejected_of(p_now - make_interval(secs => o.window_seconds), p_now, f.calls) r
    ) s
$$;

-- The error budget of so many days: five of 100 calls may be late. `used` is the part that is used up; a burn rate of 1 uses it
-- up exactly by the end.
CREATE FUNCTION genai.freshness_budget(p_now timestamptz DEFAULT now(), p_days integer DEFAULT 30)
RETURNS TABLE (objective_seconds double precision, calls bigint, late bigint, used double precision, burn_1h double precision,
    burn_6h double precision) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT o.objective_seconds, d.calls, d.late, d.late / nullif(0.05 * d.calls, 0), h.late / nullif(0.05 * h.calls, 0),
        s.late / nullif(0.05 * s.calls, 0)
    FROM genai.freshness_objective() o
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(f.calls), 0)::bigint AS calls,
            coalesce(sum(f.calls) FILTER (WHERE f.up_to_ms > o.objective_seconds * 1e3), 0)::bigint AS late
        FROM genai.freshness_day f WHERE f.day > p_now - make_interval(days => p_days) AND f.day <= p_now
    ) d
    CROSS JOIN LATERAL genai.late_calls(p_now - interval '1 hour', p_now, o.objective_seconds) h
    CROSS JOIN LATERAL genai.late_calls(p_now - interval '6 hours', p_now, o.objective_seconds) s
$$;

-- Breaches of the contract: opened, at their worst, closed, and why.
CREATE VIEW genai.freshness_breach AS
SELECT b.id, b.opened_at, b.peak_at, b.peak_seconds, b.closed_at,
    extract(epoch FROM coalesce(b.closed_at, now()) - b.opened_at)::float8 AS lasted_seconds, b.cause, b.detail, b.note,
    b.noted_by, b.noted_at
FROM _genai.freshness_breach b;
