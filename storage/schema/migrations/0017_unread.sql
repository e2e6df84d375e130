-- Usage that no rule reads (LEDGER §14): how many spans and records, whose, where and when. Small by its nature: one row
-- per source and minute.

-- Who sent it and where it belongs. `keys`: names of the attributes that speak of a call, never their values.
-- At most 2,000 rows (queries/add_unread_sources.sql); what comes beyond is booked as `__other__`.
CREATE TABLE _genai.unread_source (
    id           bigint PRIMARY KEY,   -- hash of the other columns
    environment  text COLLATE "C" NOT NULL,
    data_mode    text COLLATE "C" NOT NULL,
    service_name text COLLATE "C" NOT NULL,
    scope        text COLLATE "C" NOT NULL,
    version      text COLLATE "C" NOT NULL,
    keys         text[] NOT NULL
);

-- Minutes, and hours where minutes are no longer kept. `first_at` and `last_at` are the spans' own starts.
CREATE TABLE _genai.unread (
    bucket    timestamptz NOT NULL,
    source_id bigint      NOT NULL,
    spans     bigint      NOT NULL,
    first_at  timestamptz NOT NULL,
    last_at   timestamptz NOT NULL,
    PRIMARY KEY (bucket, source_id)
) WITH (fillfactor = 50);

-- One row per span, so that a resend changes nothing; kept as long as the keys of calls.
CREATE TABLE _genai.unread_span (
    key         uuid PRIMARY KEY,
    trace_id    uuid,
    span_id     bigint,
    bucket      timestamptz NOT NULL,
    source_id   bigint      NOT NULL,
    time        timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    repeats     boolean     NOT NULL DEFAULT false   -- around or inside of a counted call: taken out of the figure
);
CREATE INDEX unread_span_trace ON _genai.unread_span (trace_id) WHERE NOT repeats;
CREATE INDEX unread_span_received_at ON _genai.unread_span USING brin (received_at);
