-- Spans of time in which the freshness contract was broken; at most one is open.
CREATE TABLE _genai.freshness_breach (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    opened_at    timestamptz NOT NULL,
    peak_at      timestamptz NOT NULL,
    peak_seconds double precision NOT NULL,      -- the worst that was seen
    closed_at    timestamptz,
    cause        text NOT NULL,                  -- of /diagnostics, or probe_<stage>
    detail       text NOT NULL DEFAULT '',
    note         text NOT NULL DEFAULT '',
    noted_by     text,
    noted_at     timestamptz
);
CREATE UNIQUE INDEX freshness_breach_open ON _genai.freshness_breach ((true)) WHERE closed_at IS NULL;
