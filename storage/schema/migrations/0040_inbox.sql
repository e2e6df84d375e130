-- Alerts as they were delivered, by Grafana, Alertmanager or the built-in evaluator.

-- One firing of one alert: the same labels with another start are another episode.
CREATE TABLE _genai.alert_episode (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id          bigint NOT NULL,
    fingerprint     text COLLATE "C" NOT NULL,
    starts_at       timestamptz NOT NULL,
    source          text COLLATE "C" NOT NULL CHECK (source IN ('grafana', 'alertmanager', 'builtin')),
    topic           text COLLATE "C" NOT NULL,   -- what the alert is about, whatever its severity (cooldown)
    first_seen      timestamptz NOT NULL,
    last_seen       timestamptz NOT NULL,
    deliveries      bigint NOT NULL,
    ended_at        timestamptz,                 -- as the sender says it; NULL while it fires
    ended_seen      timestamptz,                 -- when we were told
    has_fired       boolean NOT NULL,            -- false while only its end was delivered
    is_test         boolean NOT NULL,
    title           text NOT NULL,
    rule            text COLLATE "C" NOT NULL,
    category        text COLLATE "C" NOT NULL,
    severity        text COLLATE "C" NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    environment     text COLLATE "C" NOT NULL,
    data_mode       text COLLATE "C" NOT NULL,
    owner           text NOT NULL,
    scope           text NOT NULL,
    focus           jsonb NOT NULL,              -- {dimension: value}, as the labels say it
    window_from     timestamptz NOT NULL,
    window_to       timestamptz NOT NULL,
    is_window_given boolean NOT NULL,            -- false: two hours before the start, for want of WFROM and WTO
    baseline        text COLLATE "C" NOT NULL,
    score           double precision,
    value           double precision,
    threshold       double precision,
    labels          jsonb NOT NULL,
    annotations     jsonb NOT NULL,
    values          jsonb NOT NULL,
    links           jsonb NOT NULL,
    state           text COLLATE "C" NOT NULL DEFAULT 'open'
        CHECK (state IN ('open', 'acknowledged', 'contained', 'resolved')),
    state_by        text NOT NULL DEFAULT '',
    state_at        timestamptz NOT NULL,
    CONSTRAINT alert_episode_is_one_firing UNIQUE (org_id, fingerprint, starts_at),
    CONSTRAINT alert_window_has_a_length CHECK (window_from < window_to)
);
CREATE INDEX alert_episode_first_seen ON _genai.alert_episode (first_seen DESC);
CREATE INDEX alert_episode_topic ON _genai.alert_episode (topic, first_seen DESC);

-- Every delivery of an alert, also those that need nobody's attention: the flags say why.
CREATE TABLE _genai.alert_delivery (
    episode_id       bigint NOT NULL REFERENCES _genai.alert_episode ON DELETE CASCADE,
    received_at      timestamptz NOT NULL,
    topic            text COLLATE "C" NOT NULL,
    status           text COLLATE "C" NOT NULL CHECK (status IN ('firing', 'resolved')),
    severity         text COLLATE "C" NOT NULL,
    dedupe_applied   boolean NOT NULL,           -- this episode was told in this status before
    cooldown_applied boolean NOT NULL            -- this topic was told within the cooldown, at this severity or above
);
CREATE INDEX alert_delivery_episode ON _genai.alert_delivery (episode_id, received_at);
CREATE INDEX alert_delivery_topic ON _genai.alert_delivery (topic, received_at DESC);

-- Every change that a person or the service made to an alert or an incident. Rows are only added.
CREATE TABLE _genai.audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor   text NOT NULL,
    subject text COLLATE "C" NOT NULL CHECK (subject IN ('alert', 'incident', 'session')),
    subject_id bigint,
    action  text COLLATE "C" NOT NULL,
    before  jsonb NOT NULL DEFAULT '{}',
    after   jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_subject ON _genai.audit (subject, subject_id, id);

CREATE FUNCTION _genai.audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is only added to';
END
$$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON _genai.audit
    FOR EACH STATEMENT EXECUTE FUNCTION _genai.audit_stays();
