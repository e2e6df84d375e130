-- Rollup = calls, always: when each hour or day was last compared, how many buckets differed, and the first that did
-- with what its calls have more. Any row with `differences` above zero is a defect.
CREATE VIEW genai.rollup_check AS
SELECT c.from_time, c.to_time, c.checked_at, c.differences, c.level, c.bucket, s.environment, s.data_mode, s.service_name,
    s.endpoint_tag, s.prompt_version, s.provider, s.model, i.tenant_id, i.user_id, c.difference
FROM _genai.rollup_check c
LEFT JOIN _genai.series s ON s.id = c.series_id
LEFT JOIN _genai.identity i ON i.id = c.identity_id;
