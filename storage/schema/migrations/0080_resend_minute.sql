-- Calls that came again although they were counted already, by the minute of the repeated delivery. A duplicate of another
-- span (two instrumentations of one call) is none of them.
CREATE TABLE _genai.resend_minute (
    minute       timestamptz NOT NULL,
    environment  text COLLATE "C" NOT NULL,
    data_mode    text COLLATE "C" NOT NULL,
    service_name text COLLATE "C" NOT NULL,
    calls        bigint NOT NULL,
    PRIMARY KEY (minute, environment, data_mode, service_name)
) WITH (fillfactor = 50);
