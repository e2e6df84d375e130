-- Which hours and days were compared with their calls, and what differed at the last look (LEDGER §11).
CREATE TABLE _genai.rollup_check (
    from_time   timestamptz PRIMARY KEY,
    to_time     timestamptz NOT NULL,
    checked_at  timestamptz NOT NULL DEFAULT now(),
    differences bigint NOT NULL,      -- buckets that differ; the first of them:
    level       text,
    bucket      timestamptz,
    series_id   bigint,
    identity_id bigint,
    difference  jsonb                 -- what the calls have more
);
