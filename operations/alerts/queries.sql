-- Evaluating rules and keeping their states (docs/alerts.md).

-- rule_rows --
-- What a rule answers; its function takes the place of THE_RULE.
SELECT (a).* FROM THE_RULE(%(now)s, %(place)s) a

-- detail --
-- The sentence of a row and the parameters of its link.
SELECT d.sentence, d.class, d.query, d.runbook
FROM genai.alert_detail(%(rule)s, ROW(%(env)s, %(data_mode)s, %(service)s, %(endpoint)s, %(prompt_version)s, %(tenant)s,
    %(user)s, %(model)s, %(scope)s, %(owner)s, %(score)s, %(value)s, %(threshold)s, %(baseline)s, %(window_from)s,
    %(window_to)s)::genai.alert_row) d

-- states --
-- The instances that were not normal after the last evaluation.
SELECT s.rule, s.place, s.labels, s.state, s.since, s.started_at, s.seen_at, s.alert
FROM _genai.alert_state s
WHERE s.rule = ANY (%(rules)s)
FOR UPDATE

-- forget_states --
-- Before the instances of an evaluation are written: the whole state of its rules is replaced.
DELETE FROM _genai.alert_state WHERE rule = ANY (%(rules)s)

-- put_state --
-- One instance that is not normal.
INSERT INTO _genai.alert_state (rule, place, labels, state, since, started_at, seen_at, alert, score, value, threshold)
VALUES (%(rule)s, %(place)s, %(labels)s, %(state)s, %(since)s, %(started_at)s, %(seen_at)s, %(alert)s, %(score)s, %(value)s,
    %(threshold)s)

-- put_document --
-- A document for a channel outside.
INSERT INTO _genai.alert_outbox (channel, document, created_at, next_at) VALUES (%(channel)s, %(document)s, %(now)s, %(now)s)

-- waiting_documents --
-- Documents that are due, the oldest first.
SELECT o.id, o.channel, o.document FROM _genai.alert_outbox o WHERE o.next_at <= %(now)s ORDER BY o.id LIMIT 50

-- document_sent --
-- It arrived.
DELETE FROM _genai.alert_outbox WHERE id = %(id)s

-- document_failed --
-- It did not arrive: again after two, four, eight minutes, at most after an hour; after a day it is given up.
WITH given_up AS (
    DELETE FROM _genai.alert_outbox o WHERE o.id = %(id)s AND o.created_at < %(now)s - interval '1 day' RETURNING o.id
)
UPDATE _genai.alert_outbox o
SET attempts = o.attempts + 1, next_at = %(now)s + least(interval '1 hour', interval '1 minute' * power(2, least(o.attempts, 6) + 1))
WHERE o.id = %(id)s AND NOT EXISTS (SELECT FROM given_up)
