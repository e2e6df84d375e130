-- Incidents (operations/incidents/model.py, burn.py, page.py).

-- alerts --
-- The alerts of an incident, the first one first.
SELECT e.id, e.title, e.severity, e.state, e.starts_at, e.ended_at, e.window_from, e.window_to, s.sentence
FROM _genai.incident_alert i
JOIN _genai.alert_episode e ON e.id = i.episode_id
LEFT JOIN _genai.alert_story s ON s.episode_id = e.id
WHERE i.incident_id = %(id)s
ORDER BY e.starts_at, e.id


-- burn --
-- The last measurement after the containment that is in force.
SELECT b.* FROM _genai.incident_burn b JOIN _genai.incident i ON i.id = b.incident_id AND i.contained_at = b.contained_at
WHERE i.id = %(id)s


-- former_version --
-- The prompt version that an endpoint used most in a window, apart from one.
SELECT u.prompt_version
FROM genai.usage_of(
    %(start)s, %(end)s, %(environment)s, %(data_mode)s, 'prompt_version', %(endpoint)s, NULL, NULL, NULL, NULL, NULL, NULL) u
WHERE u.prompt_version IS DISTINCT FROM %(version)s::text AND genai.is_named(u.prompt_version)
GROUP BY u.prompt_version
ORDER BY sum(u.requests) DESC, u.prompt_version
LIMIT 1


-- incident --
-- One incident with its alert and how often it came back.
SELECT i.*, (SELECT min(a.episode_id) FROM _genai.incident_alert a WHERE a.incident_id = i.id) AS first_alert
FROM _genai.incident i WHERE i.id = %(id)s


-- incident_of --
-- The incident that an alert is part of.
SELECT i.incident_id FROM _genai.incident_alert i WHERE i.episode_id = %(episode_id)s


-- join --
-- An alert becomes part of an incident.
INSERT INTO _genai.incident_alert (incident_id, episode_id) VALUES (%(incident_id)s, %(episode_id)s)


-- level --
-- What a selection cost in a window: in all, for an hour, a request, and calls without a price in all and for an hour.
SELECT coalesce(sum(u.cost_pico_usd), 0) * 1e-12 AS usd, coalesce(sum(u.unpriced_calls), 0)::bigint AS unpriced_calls,
    coalesce(sum(u.cost_pico_usd), 0) * 1e-12 / (extract(epoch FROM %(end)s::timestamptz - %(start)s::timestamptz) / 3600)
        AS usd_per_hour,
    sum(u.cost_pico_usd) * 1e-12 / nullif(sum(u.requests), 0) AS usd_per_request,
    coalesce(sum(u.unpriced_calls), 0) / (extract(epoch FROM %(end)s::timestamptz - %(start)s::timestamptz) / 3600)
        AS unpriced_per_hour,
    coalesce(sum(u.requests), 0)::bigint AS requests, sum(u.output_tokens) / nullif(sum(u.requests), 0) AS output_tokens_per_request
FROM genai.usage_of(
    %(start)s, %(end)s, %(environment)s, %(data_mode)s, 'endpoint', %(endpoint)s, %(prompt_version)s, %(user)s,
    %(tenant)s, %(model)s, %(provider)s, %(service)s) u


-- baseline_of --
-- The baseline of a window, as its two moments.
SELECT genai.baseline_from(%(start)s, %(end)s, %(baseline)s) AS start, genai.baseline_to(%(start)s, %(end)s, %(baseline)s) AS until


-- listed --
-- Incidents, those that are not closed first, then the newest.
SELECT i.id, i.title, i.state, i.state_by, i.state_at, i.severity, i.environment, i.data_mode, i.owner, i.channel,
    i.driver_class, i.driver, i.opened_at, i.contained_at, i.closed_at, i.recurrences, i.verdict, i.is_guardrail_open
FROM genai.incident i
WHERE (%(state)s = '*' OR i.state = %(state)s OR %(state)s = 'active' AND i.state <> 'closed')
    AND (%(env)s = '*' OR i.environment = %(env)s) AND (%(owner)s = '*' OR i.owner = %(owner)s)
ORDER BY i.state = 'closed', i.opened_at DESC, i.id DESC
LIMIT %(limit)s


-- lock_alert --
-- An alert, held until the transaction ends.
SELECT e.* FROM _genai.alert_episode e WHERE e.id = %(id)s FOR UPDATE


-- lock_alerts --
-- The alerts of an incident, held until the transaction ends.
SELECT e.id, e.state FROM _genai.alert_episode e JOIN _genai.incident_alert i ON i.episode_id = e.id
WHERE i.incident_id = %(id)s ORDER BY e.id FOR UPDATE OF e


-- lock_incident --
-- An incident, held until the transaction ends.
SELECT i.* FROM _genai.incident i WHERE i.id = %(id)s FOR UPDATE


-- move --
-- Where an incident has got to, and who brought it there; `contained_at` is NULL where that is now.
UPDATE _genai.incident SET version = version + 1, state = %(state)s, state_by = %(actor)s, state_at = now(),
    contained_at = CASE %(state)s WHEN 'contained' THEN coalesce(%(contained_at)s, now()) WHEN 'acknowledged' THEN NULL ELSE contained_at END,
    closed_at = CASE %(state)s WHEN 'closed' THEN now() END
WHERE id = %(id)s


-- open --
-- A new incident.
INSERT INTO _genai.incident (
    opened_at, opened_by, title, severity, environment, data_mode, window_from, window_to, baseline, owner, channel,
    driver_class, driver, focus, recurrence_key, state_by, state_at)
VALUES (now(), %(actor)s, %(title)s, %(severity)s, %(environment)s, %(data_mode)s, %(window_from)s, %(window_to)s,
    %(baseline)s, %(owner)s, %(channel)s, %(driver_class)s, %(driver)s, %(focus)s, %(recurrence_key)s, %(actor)s, now())
RETURNING id


-- open_ones --
-- Incidents that an alert of an environment can be added to.
SELECT i.id, i.title FROM _genai.incident i WHERE i.state <> 'closed' AND i.environment = %(environment)s
ORDER BY i.opened_at DESC LIMIT 10


-- owner --
-- Who owns the spend of a service or an endpoint (`owners.yaml`).
SELECT o.owner, o.channel FROM genai.owner_of(%(service)s::text, %(endpoint)s::text) o


-- recurrences --
-- Other incidents of the same cause, the newest first.
SELECT o.id, o.title, o.state, o.opened_at, o.guardrail
FROM _genai.incident i JOIN _genai.incident o ON o.recurrence_key = i.recurrence_key AND o.id <> i.id
WHERE i.id = %(id)s ORDER BY o.opened_at DESC LIMIT 10


-- store_burn --
-- A measurement; a later one of the same containment takes its place.
INSERT INTO _genai.incident_burn (incident_id, contained_at, measured_at, window_from, window_to, is_final, measure,
    before_level, during_level, after_level, verdict)
VALUES (%(incident_id)s, %(contained_at)s, %(measured_at)s, %(window_from)s, %(window_to)s, %(is_final)s, %(measure)s,
    %(before)s, %(during)s, %(after)s, %(verdict)s)
ON CONFLICT (incident_id, contained_at) DO UPDATE SET measured_at = excluded.measured_at,
    window_from = excluded.window_from, window_to = excluded.window_to, is_final = excluded.is_final,
    measure = excluded.measure, before_level = excluded.before_level, during_level = excluded.during_level,
    after_level = excluded.after_level, verdict = excluded.verdict


-- to_measure --
-- Contained incidents whose burn is not measured to the end.
SELECT i.id, i.contained_at, i.driver_class, i.focus, i.environment, i.data_mode, i.window_from, i.window_to, i.baseline
FROM _genai.incident i
LEFT JOIN _genai.incident_burn b ON b.incident_id = i.id AND b.contained_at = i.contained_at
WHERE i.contained_at IS NOT NULL AND NOT coalesce(b.is_final, false)
    AND i.contained_at < %(now)s::timestamptz - interval '5 minutes'


-- write --
-- What people wrote.
UPDATE _genai.incident SET version = version + 1, title = %(title)s, owner = %(owner)s, channel = %(channel)s,
    driver_class = %(driver_class)s, driver = %(driver)s, containment = %(containment)s, note = %(note)s,
    guardrail = %(guardrail)s, waiver = %(waiver)s, recurrence_key = %(recurrence_key)s
WHERE id = %(id)s
