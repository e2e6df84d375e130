-- Late binding between requests (LEDGER §6, §23): a queue of what came, and the keys that promoted wrappers leave.

-- What the binder has not looked at yet: counted calls that another span may complete, and (call NULL) spans of
-- `sighting`. Ingest only appends: it has no index, which would cost more than the row.
CREATE TABLE _genai.arrival (
    trace_id       uuid        NOT NULL,
    span_id        bigint      NOT NULL,
    parent_span_id bigint,
    call           uuid,
    time           timestamptz,
    received_at    timestamptz NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

-- The binder moves calls from there to here. A root without a response id is open too: its inner span may come.
ALTER TABLE _genai.open_call ALTER COLUMN parent_span_id DROP NOT NULL;

-- {name in tags: the attribute that it was read from}
ALTER TABLE _genai.sighting ADD COLUMN attributes jsonb;
CREATE INDEX sighting_wrapper ON _genai.sighting (received_at) WHERE wrapper;

-- Wrappers that were counted because no inner call had come; one that comes later finds its outer span here.
CREATE TABLE _genai.promotion (
    trace_id uuid        NOT NULL,
    span_id  bigint      NOT NULL,
    call     uuid        NOT NULL,
    time     timestamptz NOT NULL,
    PRIMARY KEY (trace_id, span_id)
);
