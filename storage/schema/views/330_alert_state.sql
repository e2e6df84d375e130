-- Where the rules stand, as the built-in evaluation left them; empty where Grafana evaluates.
CREATE VIEW genai.alert_state AS
SELECT s.rule, s.place, s.labels::jsonb AS labels, s.state, s.since, s.started_at, s.seen_at, s.alert, s.score, s.value,
    s.threshold
FROM _genai.alert_state s;
