-- Incidents: what people do about alerts, until a guardrail keeps them from coming back (DESIGN §8).
CREATE TABLE _genai.incident (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version        integer NOT NULL DEFAULT 1,     -- every change counts it up: two people cannot overwrite each other
    opened_at      timestamptz NOT NULL,
    opened_by      text NOT NULL,
    title          text NOT NULL,
    severity       text COLLATE "C" NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    environment    text COLLATE "C" NOT NULL,
    data_mode      text COLLATE "C" NOT NULL,
    window_from    timestamptz NOT NULL,           -- of its first alert
    window_to      timestamptz NOT NULL,
    baseline       text COLLATE "C" NOT NULL,
    owner          text NOT NULL DEFAULT '',
    channel        text NOT NULL DEFAULT '',
    driver_class   text COLLATE "C" NOT NULL DEFAULT '',
    driver         text NOT NULL DEFAULT '',       -- in words
    focus          jsonb NOT NULL DEFAULT '{}',    -- the driver: {dimension: value}
    recurrence_key text COLLATE "C" NOT NULL DEFAULT '',
    containment    text NOT NULL DEFAULT '',
    contained_at   timestamptz,
    note           text NOT NULL DEFAULT '',
    guardrail      text NOT NULL DEFAULT '',
    waiver         text NOT NULL DEFAULT '',
    state          text COLLATE "C" NOT NULL DEFAULT 'open'
        CHECK (state IN ('open', 'acknowledged', 'contained', 'closed')),
    state_by       text NOT NULL,
    state_at       timestamptz NOT NULL,
    closed_at      timestamptz,
    CONSTRAINT incident_closes_with_all_or_a_waiver CHECK (
        state <> 'closed' OR waiver <> '' OR driver <> '' AND driver_class <> '' AND containment <> '' AND guardrail <> '')
);
CREATE INDEX incident_recurrence ON _genai.incident (recurrence_key, opened_at);

CREATE TABLE _genai.incident_alert (
    episode_id  bigint PRIMARY KEY REFERENCES _genai.alert_episode,   -- an alert belongs to one incident
    incident_id bigint NOT NULL REFERENCES _genai.incident
);
CREATE INDEX incident_alert_incident ON _genai.incident_alert (incident_id);

-- Whether the burn fell after a containment: the last measurement, which the first hour after it refines.
CREATE TABLE _genai.incident_burn (
    incident_id  bigint NOT NULL REFERENCES _genai.incident,
    contained_at timestamptz NOT NULL,
    measured_at  timestamptz NOT NULL,
    window_from  timestamptz NOT NULL,
    window_to    timestamptz NOT NULL,
    is_final     boolean NOT NULL,
    measure      text COLLATE "C" NOT NULL,
    before_level numeric,
    during_level numeric,
    after_level  numeric,
    verdict      text COLLATE "C" NOT NULL,
    PRIMARY KEY (incident_id, contained_at)
);

-- People who signed in to the pages with a key of theirs.
CREATE TABLE _genai.session (
    token_hash bytea PRIMARY KEY,
    key_id     text COLLATE "C" NOT NULL REFERENCES _genai.api_key,
    started_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
