-- How late the calls of each sender came, and how its clock stands, sampled every minute.
CREATE TABLE _genai.sender_lag_minute (
    minute        timestamptz NOT NULL,
    environment   text COLLATE "C" NOT NULL,
    data_mode     text COLLATE "C" NOT NULL,
    service_name  text COLLATE "C" NOT NULL,
    calls         bigint NOT NULL,              -- of the sample
    p95_seconds   double precision NOT NULL,    -- from the end of a call to its receipt, a wrong clock taken off
    least_seconds double precision NOT NULL,    -- the quickest call: below zero, the sender's clock is ahead
    PRIMARY KEY (minute, environment, data_mode, service_name)
);
