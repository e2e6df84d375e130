-- The sums of a data mode below the raw floor, where nobody writes; and its closing lines; returns what the
-- hours held as lines of the book.
-- Parameter: mode.
WITH mode AS MATERIALIZED (
    SELECT s.id, s.environment, s.data_mode, s.provider, s.model FROM _genai.series s WHERE s.data_mode = %(mode)s
), old AS MATERIALIZED (
    SELECT f.time FROM _genai.floor f WHERE f.level = 'raw'
), minutes AS (
    DELETE FROM _genai.usage_minute u USING mode m, old o WHERE u.series_id = m.id AND u.bucket < o.time
), identity_hours AS (
    DELETE FROM _genai.usage_identity_hour u USING mode m, old o WHERE u.series_id = m.id AND u.bucket < o.time
), identity_days AS (
    DELETE FROM _genai.usage_identity_day u USING mode m, old o WHERE u.series_id = m.id AND u.bucket < o.time
), closings AS (
    DELETE FROM _genai.day_close d USING old o WHERE d.data_mode = %(mode)s AND d.day < o.time
), hours AS (
    DELETE FROM _genai.usage_hour u USING mode m, old o WHERE u.series_id = m.id AND u.bucket < o.time
    RETURNING u.*
)
SELECT (u.bucket AT TIME ZONE 'UTC')::date AS day, m.environment, m.data_mode, m.provider, m.model,
    -sum(u.calls)::bigint AS calls,
    -sum({input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)})::bigint AS cost_pico_usd
FROM hours u JOIN mode m ON m.id = u.series_id
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5
