-- Alerts as they were delivered (docs/inbox.md). One row per firing; times in UTC.
CREATE VIEW genai.alert_episode AS
SELECT e.id, e.source, e.title, e.rule, e.category, e.severity, e.environment, e.data_mode, e.owner, e.scope,
    e.focus ->> 'endpoint' AS endpoint_tag, e.focus ->> 'prompt_version' AS prompt_version, e.focus ->> 'tenant' AS tenant_id,
    e.focus ->> 'user' AS user_id, e.focus ->> 'model' AS model, e.focus ->> 'provider' AS provider,
    e.focus ->> 'service' AS service_name, e.starts_at, e.ended_at, e.first_seen, e.last_seen, e.deliveries, e.is_test,
    e.window_from, e.window_to, e.is_window_given, e.baseline, e.score, e.value, e.threshold, e.state, e.state_by, e.state_at,
    e.annotations ->> 'summary' AS summary, e.annotations ->> 'sentence' AS sentence,
    e.links ->> 'investigate' AS investigate_url, e.links ->> 'runbook' AS runbook_url
FROM _genai.alert_episode e;

-- Every delivery with its flags: `dedupe_applied` (told before), `cooldown_applied` (its topic was told a moment ago).
CREATE VIEW genai.alert_delivery AS
SELECT d.episode_id, d.received_at, d.status, d.severity, d.dedupe_applied, d.cooldown_applied
FROM _genai.alert_delivery d;

-- Who changed what about alerts and incidents, and when.
CREATE VIEW genai.audit AS
SELECT a.id, a.at, a.actor, a.subject, a.subject_id, a.action, a.before, a.after FROM _genai.audit a;
