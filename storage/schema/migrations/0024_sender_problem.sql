-- Why requests of a sender end in no counted call: seen by a receiver, kept some days for people who look.
CREATE TABLE _genai.sender_problem (
    receiver   text COLLATE "C" NOT NULL,       -- host and address of the service that saw it
    cause      text COLLATE "C" NOT NULL,       -- a stable word, docs/instrumenting.md
    transport  text COLLATE "C" NOT NULL,
    detail     text COLLATE "C" NOT NULL,
    sender     text COLLATE "C" NOT NULL,       -- program and place
    service    text COLLATE "C" NOT NULL,       -- service.name; empty where no span was read
    title      text NOT NULL,
    remedy     text NOT NULL,
    is_refused boolean NOT NULL,
    requests   bigint NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL,
    PRIMARY KEY (receiver, cause, transport, detail, sender, service)
);
