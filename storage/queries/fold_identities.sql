-- The identity hours of one day become a day, without the endpoint (LEDGER §9). Parameters: day, day.
WITH hours AS (
    DELETE FROM _genai.usage_identity_hour u WHERE u.bucket >= %(day)s AND u.bucket < %(day)s + interval '24 hours'
    RETURNING u.*
)
INSERT INTO _genai.usage_identity_day AS u (
    bucket, identity_id, series_id,
    {calls..latency_b23: #}
)
SELECT
    %(day)s, u.identity_id, s.line_id,
    {calls..latency_b23: _genai.total(u.#)}
FROM hours u JOIN _genai.series s ON s.id = u.series_id
GROUP BY u.identity_id, s.line_id
ORDER BY u.identity_id, s.line_id
ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}
