-- Dashboards that are paused to spare the database (`spanledger dashboards pause`).

-- The pauses of this moment; `dashboard` is a uid, or '*' for every one that may be paused.
CREATE VIEW genai.dashboard_pause AS
SELECT p.dashboard, p.paused_at, p.paused_by, p.why, p.ends_at
FROM _genai.dashboard_pause p
WHERE p.ends_at IS NULL OR p.ends_at > now();

-- What people work with during an incident is never paused (dashboards/paths.py: CRITICAL).
CREATE FUNCTION genai.is_critical_dashboard(p_uid text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_uid IN ('spanledger-overview', 'spanledger-compare', 'spanledger-alerts-inbox', 'spanledger-incidents',
        'spanledger-freshness')
$$;

-- False while a dashboard is paused. Panels put it into a scalar subquery, so that the plan asks once and then reads nothing.
CREATE FUNCTION genai.dashboard_on(p_uid text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT genai.is_critical_dashboard(p_uid)
        OR NOT EXISTS (SELECT FROM genai.dashboard_pause p WHERE p.dashboard IN ('*', p_uid))
$$;

-- The pause of a dashboard that lasts longest; no row where it runs.
CREATE FUNCTION genai.pause_of(p_uid text) RETURNS SETOF genai.dashboard_pause LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.*
    FROM genai.dashboard_pause p
    WHERE p.dashboard IN ('*', p_uid) AND NOT genai.is_critical_dashboard(p_uid)
    ORDER BY p.ends_at DESC NULLS FIRST, p.paused_at
    LIMIT 1
$$;

-- Who paused a dashboard, since when, why, and how it goes on; NULL where it runs.
CREATE FUNCTION genai.pause_text(p_uid text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'Paused by ' || p.paused_by || ' since ' || to_char(p.paused_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
        || CASE WHEN p.why = '' THEN '' ELSE ' (' || p.why || ')' END || ': the panels below ask nothing. '
        || CASE WHEN p.ends_at IS NULL THEN '`spanledger dashboards resume` ends it'
            ELSE 'It ends at ' || to_char(p.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC' END
        || '; Overview, Compare, Freshness, Alerts Inbox and Incidents still run.'
    FROM genai.pause_of(p_uid) p
$$;

-- The same behind the titles of panels; empty where it runs.
CREATE FUNCTION genai.pause_title(p_uid text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT ' (paused by ' || p.paused_by || ')' FROM genai.pause_of(p_uid) p), '')
$$;
