-- Up to which day (exclusive) the last full days of a budget are added up: judging adds them up once a day, and when one changed.
ALTER TABLE _genai.budget_state ADD COLUMN week_until timestamptz;
