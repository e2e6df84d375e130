-- Dashboards whose queries are switched off (operations/pausing/model.py).

-- pause_dashboard --
-- Switch one off, or change who did it and until when.
INSERT INTO _genai.dashboard_pause (dashboard, paused_by, why, ends_at)
VALUES (%(dashboard)s, %(by)s, %(why)s, now() + %(duration)s)
ON CONFLICT (dashboard) DO UPDATE SET
    paused_at = now(), paused_by = excluded.paused_by, why = excluded.why, ends_at = excluded.ends_at


-- resume_dashboard --
-- Switch one on again; what had ended by itself counts as switched on.
WITH gone AS (
    DELETE FROM _genai.dashboard_pause p
    WHERE p.dashboard = %(dashboard)s OR p.ends_at <= now() OR %(dashboard)s = '*'
    RETURNING p.dashboard, p.ends_at
)
SELECT g.dashboard FROM gone g WHERE g.ends_at IS NULL OR g.ends_at > now() ORDER BY g.dashboard


-- pauses --
-- The pauses of this moment, that of all of them first.
SELECT p.dashboard, p.paused_at, p.paused_by, p.why, p.ends_at FROM genai.dashboard_pause p ORDER BY p.dashboard
