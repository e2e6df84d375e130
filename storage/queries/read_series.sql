-- Parameter: ids.
SELECT s.id, s.environment, s.data_mode, s.provider, s.model FROM _genai.series s WHERE s.id = ANY(%s::bigint[])
