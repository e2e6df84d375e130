-- What the built-in evaluation of rules knows from one minute to the next (docs/alerts.md).

-- Instances that are not normal. `labels`: the JSON of what tells the instance apart, keys sorted.
CREATE TABLE _genai.alert_state (
    rule       text COLLATE "C" NOT NULL,
    place      text COLLATE "C" NOT NULL,
    labels     text COLLATE "C" NOT NULL,
    state      text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'firing', 'recovering')),
    since      timestamptz NOT NULL,
    started_at timestamptz,               -- when it began to fire
    seen_at    timestamptz NOT NULL,      -- when the rule last returned it
    alert      jsonb,                     -- the alert as it was told when it began to fire
    score      double precision NOT NULL,
    value      double precision NOT NULL,
    threshold  double precision NOT NULL,
    PRIMARY KEY (rule, place, labels)
);

-- Documents that wait for a channel outside of this database; a channel that is away gets them later.
CREATE TABLE _genai.alert_outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel    text COLLATE "C" NOT NULL,
    document   jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    next_at    timestamptz NOT NULL
);
