-- Dashboards whose queries are switched off to spare the database: who, why, and until when.
CREATE TABLE _genai.dashboard_pause (
    dashboard text COLLATE "C" PRIMARY KEY,      -- uid; '*' for every one that may be paused
    paused_at timestamptz NOT NULL DEFAULT now(),
    paused_by text NOT NULL,
    why       text NOT NULL DEFAULT '',
    ends_at   timestamptz                        -- NULL: until somebody resumes it
);
-- The row of genai.setting that was the switch before.
INSERT INTO _genai.dashboard_pause (dashboard, paused_at, paused_by)
SELECT '*', s.updated_at, 'a setting' FROM _genai.setting s WHERE s.key = 'dashboards_paused' AND s.value = 'on';
DELETE FROM _genai.setting s WHERE s.key = 'dashboards_paused';
