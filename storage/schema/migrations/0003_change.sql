-- What change after the fact stands on: sightings, the ledger's own book, erasure, quarantine.

-- Spans that are not counted, kept for late binding until 15 minutes past receipt (LEDGER §6, §23).
CREATE TABLE _genai.sighting (
    received_at    timestamptz NOT NULL,
    trace_id       uuid        NOT NULL,
    span_id        bigint      NOT NULL,
    parent_span_id bigint,
    wrapper        boolean     NOT NULL,  -- stands for a call whose emitter may send no inner span
    of_call        uuid,                  -- the counted call that this span is a duplicate of,
    of_time        timestamptz,           -- with its time
    name           text        NOT NULL,
    reason         text        NOT NULL,
    tags           jsonb,                 -- {field: value}, never content
    call           jsonb                  -- the call it would be, as storage/ingest/uncounted.py writes it
);
CREATE INDEX sighting_trace ON _genai.sighting (trace_id);
CREATE INDEX sighting_received_at ON _genai.sighting USING brin (received_at);

-- Calls that an ancestor seen later may still complete; kept two hours (LEDGER §23).
CREATE TABLE _genai.open_call (
    trace_id       uuid        NOT NULL,
    span_id        bigint      NOT NULL,
    parent_span_id bigint      NOT NULL,
    call           uuid        NOT NULL,
    time           timestamptz NOT NULL,
    received_at    timestamptz NOT NULL
);
CREATE INDEX open_call_trace ON _genai.open_call (trace_id);
CREATE INDEX open_call_received_at ON _genai.open_call USING brin (received_at);

-- Every change of money or counts after the first booking (LEDGER §19).
CREATE TABLE _genai.ledger_run (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text COLLATE "C" NOT NULL
        CHECK (kind IN ('reprice', 'tag', 'merge', 'retract', 'erase', 'promote')),
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    started_by  text NOT NULL DEFAULT '',
    why         text NOT NULL DEFAULT '',
    calls       bigint NOT NULL DEFAULT 0,   -- rows changed so far
    position    jsonb,                       -- where a restart goes on
    parameters  jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE _genai.ledger_line (
    run_id        bigint NOT NULL REFERENCES _genai.ledger_run,
    at            timestamptz NOT NULL DEFAULT now(),
    kind          text COLLATE "C" NOT NULL
        CHECK (kind IN ('reprice', 'tag', 'merge', 'retract', 'erase', 'promote')),
    day           date NOT NULL,
    environment   text COLLATE "C" NOT NULL,
    data_mode     text COLLATE "C" NOT NULL,
    provider      text COLLATE "C" NOT NULL,
    model         text COLLATE "C" NOT NULL,
    calls         bigint NOT NULL,           -- signed differences
    cost_pico_usd bigint NOT NULL
);
CREATE INDEX ledger_line_day ON _genai.ledger_line (day, at);
CREATE INDEX ledger_line_run ON _genai.ledger_line (run_id);

-- The sums of a day, written before its raw rows go.
CREATE TABLE _genai.day_close (
    day                 date NOT NULL,
    environment         text COLLATE "C" NOT NULL,
    data_mode           text COLLATE "C" NOT NULL,
    provider            text COLLATE "C" NOT NULL,
    model               text COLLATE "C" NOT NULL,
    calls               bigint NOT NULL,
    cost_pico_usd       bigint NOT NULL,
    first_cost_pico_usd bigint NOT NULL,
    closed_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (day, environment, data_mode, provider, model)
);

-- Hashes of identities that were erased; ingest maps them to `__erased__` (LEDGER §20).
CREATE TABLE _genai.erased (
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('tenant', 'user')),
    value_hash bytea NOT NULL,
    erased_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, value_hash)
);

-- What was refused for good, with the reason and never with content.
CREATE TABLE _genai.quarantine (
    received_at timestamptz NOT NULL,
    trace_id    bytea,
    span_id     bytea,
    name        text NOT NULL,
    reason      text COLLATE "C" NOT NULL,
    detail      text NOT NULL
);
CREATE INDEX quarantine_received_at ON _genai.quarantine (received_at);
