-- When was a series first and last seen: without this index the answer reads every hour that is kept. An entry is
-- added once per hour and series; the upserts of ingest change neither column and stay HOT.
CREATE INDEX usage_hour_series ON _genai.usage_hour (series_id, bucket);
