-- Who paused the dashboard, as its titles say it; empty while it runs.
SELECT genai.pause_title('${dashboard_uid}') AS "__text", genai.pause_title('${dashboard_uid}') AS "__value"
