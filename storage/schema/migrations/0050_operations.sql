-- What the service knows of its own running, for those who operate it.

-- How each periodic task went last, whichever process ran it.
CREATE TABLE _genai.task_run (
    task          text COLLATE "C" PRIMARY KEY,
    holder        text NOT NULL,
    every_seconds double precision NOT NULL,   -- from the end of one run to the next
    done_at       timestamptz,                 -- the end of the last run that went well
    failed_at     timestamptz,
    error         text                         -- why the last run failed; NULL when it went well
);

-- The size of the database every hour: what a forecast of the disk stands on.
CREATE TABLE _genai.size_sample (
    at             timestamptz PRIMARY KEY,
    database_bytes bigint NOT NULL
);
