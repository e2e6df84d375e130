-- What explained an alert when it arrived: it stays as it was (DESIGN §8).
CREATE TABLE _genai.alert_story (
    episode_id bigint PRIMARY KEY REFERENCES _genai.alert_episode ON DELETE CASCADE,
    as_of      timestamptz NOT NULL,   -- everything received until then is in its figures
    class      text COLLATE "C",
    subject    text,
    sentence   text,
    cost_usd   numeric,
    delta_usd  numeric,
    driver     text,
    document   jsonb NOT NULL          -- operations/inbox/frozen.py
);
