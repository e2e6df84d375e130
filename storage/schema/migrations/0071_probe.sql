-- A test request sent through the OTLP port and read back through the query of a dashboard, once a minute.
CREATE TABLE _genai.probe_run (
    sent_at           timestamptz PRIMARY KEY,   -- the first attempt to send it
    accepted_at       timestamptz,               -- the receiver answered OK
    visible_at        timestamptz,               -- the first answer of the dashboard's query that had it
    grafana_at        timestamptz,               -- the same asked through Grafana
    endpoint          text NOT NULL,
    holder            text NOT NULL,             -- the process that sent it
    calls             bigint,                    -- how often it was counted
    cost_pico_usd     numeric,                   -- what the dashboard's query said that it costs
    expected_pico_usd numeric,
    failure           text,                      -- the stage that failed; NULL when all was well
    detail            text
);
