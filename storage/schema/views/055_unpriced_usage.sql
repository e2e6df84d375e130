-- The unpriced queue with what a price would be multiplied by: as genai.unpriced_model, and tokens. Exact from the hour
-- sums where an hour's calls of a model are unpriced, or errors without usage, which have no tokens; where calls with a
-- price stand beside them, from the calls themselves. Where those are gone the tokens are `tokens_at_most`.
-- `first_seen` and `last_seen` are the calls' own times, or the hour where the calls are gone.
CREATE VIEW genai.unpriced_usage AS
WITH hours AS MATERIALIZED (
    SELECT u.bucket, s.provider, s.model, s.environment, s.data_mode, u.series_id, u.unpriced_calls, u.input_tokens,
        u.output_tokens, u.cache_read_tokens,
        u.calls <> u.unpriced_calls + coalesce(u.error_without_usage_calls, 0) AS is_mixed,
        u.bucket >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw') AS has_calls
    FROM _genai.usage_hour u JOIN _genai.series s ON s.id = u.series_id
    WHERE u.unpriced_calls IS NOT NULL AND u.unpriced_calls > 0
        AND u.bucket >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'hour')
), counted AS (
    SELECT h.provider, h.model, h.environment, h.data_mode, h.bucket, h.unpriced_calls, h.input_tokens, h.output_tokens,
        h.cache_read_tokens, h.is_mixed AS is_at_most
    FROM hours h WHERE NOT (h.is_mixed AND h.has_calls)
    UNION ALL
    SELECT h.provider, h.model, h.environment, h.data_mode, h.bucket, h.unpriced_calls, c.input_tokens, c.output_tokens,
        c.cache_read_tokens, false
    FROM hours h CROSS JOIN LATERAL (
        SELECT sum(b.input_tokens) AS input_tokens, sum(b.output_tokens) AS output_tokens,
            sum(b.cache_read_tokens) AS cache_read_tokens
        FROM _genai.booked b
        WHERE b.time >= h.bucket AND b.time < h.bucket + interval '1 hour' AND b.series_id = h.series_id
            AND b.unpriced_calls = 1
    ) c
    WHERE h.is_mixed AND h.has_calls
), model AS MATERIALIZED (
    SELECT c.provider, c.model, c.environment, c.data_mode, min(c.bucket) AS first_hour, max(c.bucket) AS last_hour,
        sum(c.unpriced_calls)::bigint AS calls, coalesce(sum(c.input_tokens), 0)::bigint AS input_tokens,
        coalesce(sum(c.output_tokens), 0)::bigint AS output_tokens,
        coalesce(sum(c.cache_read_tokens), 0)::bigint AS cache_read_tokens, bool_or(c.is_at_most) AS tokens_at_most
    FROM counted c
    GROUP BY c.provider, c.model, c.environment, c.data_mode
)
SELECT m.provider, m.model, m.environment, m.data_mode,
    coalesce(first.time, m.first_hour) AS first_seen, coalesce(last.time, m.last_hour) AS last_seen,
    m.calls, m.input_tokens, m.output_tokens, m.cache_read_tokens, m.tokens_at_most
FROM model m
CROSS JOIN LATERAL (
    SELECT min(b.time) AS time FROM _genai.booked b
    WHERE b.time >= m.first_hour AND b.time < m.first_hour + interval '1 hour' AND b.unpriced_calls = 1
        AND b.series_id IN (SELECT h.series_id FROM hours h WHERE (h.provider, h.model, h.environment, h.data_mode)
            = (m.provider, m.model, m.environment, m.data_mode))
) first
CROSS JOIN LATERAL (
    SELECT max(b.time) AS time FROM _genai.booked b
    WHERE b.time >= m.last_hour AND b.time < m.last_hour + interval '1 hour' AND b.unpriced_calls = 1
        AND b.series_id IN (SELECT h.series_id FROM hours h WHERE (h.provider, h.model, h.environment, h.data_mode)
            = (m.provider, m.model, m.environment, m.data_mode))
) last;
