-- Incidents (docs/inbox.md).

-- One row per incident. `recurrences`: earlier incidents of the same cause. `verdict`: whether the burn fell after the
-- containment (`worked`, `partly`, `not`, `no excess`, `no data`), NULL while nothing is measured. `is_guardrail_open`: closed
-- without a guardrail.
CREATE VIEW genai.incident AS
SELECT i.id, i.title, i.state, i.state_by, i.state_at, i.severity, i.environment, i.data_mode, i.owner, i.channel,
    i.driver_class, i.driver, i.focus ->> 'endpoint' AS endpoint_tag, i.focus ->> 'prompt_version' AS prompt_version,
    i.focus ->> 'tenant' AS tenant_id, i.focus ->> 'user' AS user_id, i.focus ->> 'model' AS model,
    i.focus ->> 'service' AS service_name, i.opened_at, i.opened_by, i.contained_at, i.closed_at, i.window_from, i.window_to,
    i.baseline, i.recurrence_key, i.containment, i.guardrail, i.waiver, i.note, i.state = 'closed' AND i.guardrail = '' AS is_guardrail_open,
    (SELECT count(*) FROM _genai.incident o
        WHERE o.recurrence_key = i.recurrence_key AND o.opened_at < i.opened_at) AS recurrences,
    (SELECT count(*) FROM _genai.incident_alert a WHERE a.incident_id = i.id) AS alerts,
    b.verdict, b.measure, b.before_level, b.during_level, b.after_level, b.measured_at, b.is_final AS is_measured
FROM _genai.incident i
LEFT JOIN _genai.incident_burn b ON b.incident_id = i.id AND b.contained_at = i.contained_at;

CREATE VIEW genai.incident_alert AS SELECT a.incident_id, a.episode_id FROM _genai.incident_alert a;
