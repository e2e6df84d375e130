-- How fresh each finished day (UTC) was: the sums of its minutes, kept longer than these. Buckets as in freshness_minute.
CREATE TABLE _genai.freshness_day (
    day    date     NOT NULL,
    bucket smallint NOT NULL,
    calls  bigint   NOT NULL,
    PRIMARY KEY (day, bucket)
);
