-- The inbox: alerts as they arrive (operations/inbox/receive.py).

-- add_deliveries --
-- The deliveries of a document, each with its flags; their episodes are there.
INSERT INTO _genai.alert_delivery (episode_id, received_at, topic, status, severity, dedupe_applied, cooldown_applied)
SELECT e.id, %(now)s, d.topic, d.status, d.severity, d.dedupe, d.cooldown
FROM unnest(%(org_ids)s::bigint[], %(fingerprints)s::text[], %(starts)s::timestamptz[], %(topics)s::text[],
    %(statuses)s::text[], %(severities)s::text[], %(dedupes)s::boolean[], %(cooldowns)s::boolean[]) d (
    org_id, fingerprint, starts_at, topic, status, severity, dedupe, cooldown)
JOIN _genai.alert_episode e USING (org_id, fingerprint, starts_at)


-- end_superseded --
-- An alert fires once at a time: where one is told with a later start, its firing before is over, if its end never came. So
-- it goes with Grafana when that is restarted: an alert that recovers meanwhile gets another start, and its sender forgets the
-- first.
UPDATE _genai.alert_episode e
SET ended_at = n.starts_at, ended_seen = %(now)s,
    state = CASE e.state WHEN 'open' THEN 'resolved' ELSE e.state END,
    state_by = CASE e.state WHEN 'open' THEN e.source ELSE e.state_by END,
    state_at = CASE e.state WHEN 'open' THEN %(now)s ELSE e.state_at END
FROM (
    SELECT e.id, min(n.starts_at) AS starts_at
    FROM unnest(%(org_ids)s::bigint[], %(fingerprints)s::text[]) k (org_id, fingerprint)
    JOIN _genai.alert_episode e USING (org_id, fingerprint)
    JOIN _genai.alert_episode n USING (org_id, fingerprint)
    WHERE e.ended_at IS NULL AND n.starts_at > e.starts_at
    GROUP BY e.id
) n
WHERE e.id = n.id


-- forget --
-- Deliveries, and alerts that are resolved and in no incident, that were told longer ago than they are kept.
WITH gone AS (
    DELETE FROM _genai.alert_delivery d WHERE d.received_at < %(deliveries_before)s RETURNING 1
), over AS (
    DELETE FROM _genai.alert_episode e
    WHERE e.last_seen < %(alerts_before)s AND e.state = 'resolved'
        AND NOT EXISTS (SELECT FROM _genai.incident_alert i WHERE i.episode_id = e.id)
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) AS deliveries, (SELECT count(*) FROM over) AS alerts


-- known --
-- Which of these episodes are known, and in which status they were told before.
SELECT e.org_id, e.fingerprint, e.starts_at,
    CASE WHEN e.has_fired AND e.ended_at IS NOT NULL THEN ARRAY['firing', 'resolved']
        WHEN e.has_fired THEN ARRAY['firing'] ELSE ARRAY['resolved'] END AS told
FROM _genai.alert_episode e
JOIN unnest(%(org_ids)s::bigint[], %(fingerprints)s::text[], %(starts)s::timestamptz[]) k (org_id, fingerprint, starts_at)
    USING (org_id, fingerprint, starts_at)


-- lock --
-- The alerts of a document and what they are about, until its transaction ends; in one order, so that no two wait for each other.
-- A large document holds everything instead of so many locks. All of them stand beside one lock of the whole.
SELECT CASE WHEN cardinality(%(names)s::text[]) > 100 THEN pg_advisory_xact_lock(hashtextextended('spanledger inbox', 0))
    ELSE pg_advisory_xact_lock_shared(hashtextextended('spanledger inbox', 0)) END
UNION ALL
SELECT pg_advisory_xact_lock(n.name)
FROM (
    SELECT DISTINCT hashtextextended(name, 1) AS name FROM unnest(%(names)s::text[]) name
    WHERE cardinality(%(names)s::text[]) <= 100
    ORDER BY 1
) n


-- quarantine --
-- An alert that could not be read, with the reason.
INSERT INTO _genai.quarantine (received_at, name, reason, detail) VALUES (%(now)s, 'alert', 'alert_unreadable', %(fault)s)


-- told --
-- The last time each topic was told to people within the cooldown, and how severe it was then.
SELECT DISTINCT ON (d.topic) d.topic, d.received_at, d.severity
FROM _genai.alert_delivery d
WHERE d.topic = ANY (%(topics)s) AND d.received_at > %(since)s AND d.status = 'firing' AND NOT d.dedupe_applied
    AND NOT d.cooldown_applied
ORDER BY d.topic, d.received_at DESC, d.severity = 'critical' DESC, d.severity = 'warning' DESC


-- upsert --
-- The episodes of a document, each once. What the first firing said stays: the window is frozen. An end is final, for
-- deliveries may come out of order; but a sender that still tells a firing five minutes after its end means it.
INSERT INTO _genai.alert_episode AS e (
    org_id, fingerprint, starts_at, source, topic, first_seen, last_seen, deliveries, ended_at, ended_seen, has_fired,
    is_test, title, rule, category, severity, environment, data_mode, owner, scope, focus, window_from, window_to,
    is_window_given, baseline, score, value, threshold, labels, annotations, values, links, state, state_by, state_at)
SELECT a.org_id, a.fingerprint, a.starts_at, %(source)s, a.topic, %(now)s, %(now)s, 1, a.ended_at,
    CASE WHEN a.ended_at IS NOT NULL THEN %(now)s::timestamptz END, a.has_fired, a.is_test, a.title, a.rule, a.category,
    a.severity, a.environment, a.data_mode, a.owner, a.scope, a.focus, a.window_from, a.window_to, a.is_window_given,
    a.baseline, a.score, a.value, a.threshold, a.labels, a.annotations, a.values, a.links,
    CASE WHEN a.has_fired THEN 'open' ELSE 'resolved' END, CASE WHEN a.has_fired THEN '' ELSE %(source)s END, %(now)s
FROM jsonb_to_recordset(%(alerts)s) a (
    org_id bigint, fingerprint text, starts_at timestamptz, ended_at timestamptz, has_fired boolean, is_test boolean,
    topic text, title text, rule text, category text, severity text, environment text, data_mode text, owner text,
    scope text, focus jsonb, window_from timestamptz, window_to timestamptz, is_window_given boolean, baseline text,
    score float8, value float8, threshold float8, labels jsonb, annotations jsonb, values jsonb, links jsonb)
ON CONFLICT (org_id, fingerprint, starts_at) DO UPDATE SET
    last_seen = greatest(e.last_seen, excluded.last_seen),
    deliveries = e.deliveries + 1,
    ended_at = CASE
        WHEN excluded.ended_at IS NOT NULL THEN greatest(e.ended_at, excluded.ended_at)
        WHEN e.ended_seen < excluded.last_seen - interval '5 minutes' THEN NULL
        ELSE e.ended_at END,
    ended_seen = CASE
        WHEN excluded.ended_at IS NOT NULL THEN coalesce(e.ended_seen, excluded.ended_seen)
        WHEN e.ended_seen < excluded.last_seen - interval '5 minutes' THEN NULL
        ELSE e.ended_seen END,
    has_fired = e.has_fired OR excluded.has_fired,
    -- The end alone told neither window nor score; the firing that comes after it does.
    (annotations, values, links, window_from, window_to, is_window_given, baseline, score, value, threshold) = (
        SELECT x.annotations, x.values, x.links, x.window_from, x.window_to, x.is_window_given, x.baseline, x.score, x.value,
            x.threshold
        FROM (VALUES
            (true, excluded.annotations, excluded.values, excluded.links, excluded.window_from, excluded.window_to,
                excluded.is_window_given, excluded.baseline, excluded.score, excluded.value, excluded.threshold),
            (false, e.annotations, e.values, e.links, e.window_from, e.window_to, e.is_window_given, e.baseline,
                e.score, e.value, e.threshold)
        ) x (is_new, annotations, values, links, window_from, window_to, is_window_given, baseline, score, value, threshold)
        WHERE x.is_new = (excluded.has_fired AND NOT e.has_fired)),
    -- Its end closes what nobody has taken on; what a person has taken on, a person closes.
    state = CASE
        WHEN e.state = 'open' AND excluded.ended_at IS NOT NULL THEN 'resolved'
        WHEN e.state = 'resolved' AND excluded.ended_at IS NULL
            AND e.ended_seen < excluded.last_seen - interval '5 minutes' THEN 'open'
        ELSE e.state END,
    state_by = CASE WHEN e.state = 'open' AND excluded.ended_at IS NOT NULL THEN excluded.source ELSE e.state_by END,
    state_at = CASE
        WHEN e.state = 'open' AND excluded.ended_at IS NOT NULL
            OR e.state = 'resolved' AND excluded.ended_at IS NULL
                AND e.ended_seen < excluded.last_seen - interval '5 minutes' THEN excluded.last_seen
        ELSE e.state_at END
RETURNING e.id, e.org_id, e.fingerprint, e.starts_at


-- changed_after --
-- What the journal changed since a moment on the days of a window and of its baseline.
SELECT DISTINCT c.run_id, c.kind, c.at, c.started_by, c.why, c.calls, c.cost_usd
FROM (VALUES (%(start)s::timestamptz, %(end)s::timestamptz), (%(baseline_start)s, %(baseline_end)s)) w (start, until)
CROSS JOIN LATERAL genai.changed_after(%(moment)s, w.start, w.until, %(environment)s, %(data_mode)s) c
ORDER BY c.at DESC, c.run_id DESC, c.kind


-- complete_to --
-- Until when everything received is counted; without a receiver, until now.
SELECT least(coalesce(max(w.complete_to), now()), now()) AS as_of FROM genai.watermark w


-- received_after --
-- Calls of a window that came after a moment.
SELECT r.calls, r.cost_usd
FROM genai.received_after(
    %(moment)s, %(start)s, %(end)s, %(environment)s, %(data_mode)s, %(endpoint)s, %(prompt_version)s, %(user)s, %(tenant)s,
    %(model)s, %(provider)s, %(service)s) r


-- store_fault --
-- An alert whose question the ledger cannot answer is not asked again.
INSERT INTO _genai.alert_story (episode_id, as_of, document) VALUES (%(id)s, now(), '{"fault": true}')
ON CONFLICT (episode_id) DO NOTHING


-- store_story --
-- The story of an alert; one that is there stays.
INSERT INTO _genai.alert_story (episode_id, as_of, class, subject, sentence, cost_usd, delta_usd, driver, document)
VALUES (%(id)s, %(as_of)s, %(class)s, %(subject)s, %(sentence)s, %(cost)s, %(delta)s, %(driver)s, %(document)s)
ON CONFLICT (episode_id) DO NOTHING


-- story --
-- The story of an alert.
SELECT s.document FROM _genai.alert_story s WHERE s.episode_id = %(id)s


-- unexplained --
-- Alerts that fired and have no story yet, the most severe first.
SELECT e.id, e.focus, e.window_from, e.window_to, e.baseline, e.environment, e.data_mode
FROM _genai.alert_episode e
WHERE e.has_fired AND NOT e.is_test AND e.rule <> 'watchdog' AND e.first_seen > now() - interval '7 days'
    AND NOT EXISTS (SELECT FROM _genai.alert_story s WHERE s.episode_id = e.id)
ORDER BY e.severity = 'critical' DESC, e.severity = 'warning' DESC, e.first_seen DESC
LIMIT %(limit)s


-- add_audit --
-- A line of the audit.
INSERT INTO _genai.audit (actor, subject, subject_id, action, before, after)
VALUES (%(actor)s, %(subject)s, %(subject_id)s, %(action)s, %(before)s, %(after)s)


-- audit --
-- What happened to an alert or an incident, the oldest first.
SELECT a.at, a.actor, a.action, a.before, a.after FROM genai.audit a
WHERE a.subject = %(subject)s AND a.subject_id = %(id)s ORDER BY a.id


-- lock_episode --
-- An alert, held until the transaction ends.
SELECT e.* FROM _genai.alert_episode e WHERE e.id = %(id)s FOR UPDATE


-- set_state --
-- Where an alert has got to, and who brought it there.
UPDATE _genai.alert_episode SET state = %(state)s, state_by = %(actor)s, state_at = now() WHERE id = %(id)s


-- choices --
-- What the filters of the inbox can be set to.
SELECT v.kind, array_agg(DISTINCT v.name ORDER BY v.name) AS names
FROM _genai.alert_episode e
CROSS JOIN LATERAL (VALUES ('env', e.environment), ('data_mode', e.data_mode), ('rule', e.rule), ('owner', e.owner)) v (kind, name)
WHERE v.name <> '' AND e.first_seen > now() - interval '90 days'
GROUP BY v.kind


-- deliveries --
-- How often an alert was delivered, by status and flags.
SELECT d.status, d.severity, d.dedupe_applied, d.cooldown_applied, count(*) AS times, min(d.received_at) AS first,
    max(d.received_at) AS last
FROM genai.alert_delivery d WHERE d.episode_id = %(id)s
GROUP BY d.status, d.severity, d.dedupe_applied, d.cooldown_applied
ORDER BY min(d.received_at), d.status


-- episode --
-- One alert with its incident, and whether its story was tried.
SELECT e.*, i.incident_id, s.episode_id IS NOT NULL AS is_told
FROM _genai.alert_episode e
LEFT JOIN _genai.incident_alert i ON i.episode_id = e.id
LEFT JOIN _genai.alert_story s ON s.episode_id = e.id
WHERE e.id = %(id)s


-- listed --
-- Alerts: those that nobody has taken on first, then the newest.
SELECT e.id, e.title, e.rule, e.severity, e.environment, e.data_mode, e.owner, e.focus, e.starts_at, e.ended_at,
    e.first_seen, e.deliveries, e.state, e.state_by, e.is_test, e.score,
    coalesce(e.annotations ->> 'summary', s.sentence, e.annotations ->> 'sentence', '') AS sentence, s.delta_usd, s.class,
    s.driver, i.incident_id, coalesce((s.document -> 'total' ->> 'unpriced_calls')::bigint
        + (s.document -> 'total' ->> 'baseline_unpriced_calls')::bigint, 0) > 0 AS at_least
FROM _genai.alert_episode e
LEFT JOIN _genai.alert_story s ON s.episode_id = e.id
LEFT JOIN _genai.incident_alert i ON i.episode_id = e.id
WHERE e.rule <> 'watchdog'
    AND (%(state)s = '*' OR e.state = %(state)s OR %(state)s = 'active' AND e.state <> 'resolved')
    AND (%(severity)s = '*' OR e.severity = %(severity)s) AND (%(env)s = '*' OR e.environment = %(env)s)
    AND (%(data_mode)s = '*' OR e.data_mode = %(data_mode)s) AND (%(rule)s = '*' OR e.rule = %(rule)s)
    AND (%(owner)s = '*' OR e.owner = %(owner)s)
ORDER BY e.state = 'open' AND e.ended_at IS NULL DESC, e.first_seen DESC, e.id DESC
LIMIT %(limit)s


-- watchdog --
-- When the watchdog was last heard: it always fires, so that silence shows a broken way to the inbox.
SELECT max(e.last_seen) AS last_seen FROM _genai.alert_episode e WHERE e.rule = 'watchdog'
