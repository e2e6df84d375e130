-- Sums by identity and hour below the raw floor, where nobody writes, move to other identities; what already
-- stands there is added to. Parameters: ids, new (one for each).
WITH moved AS (
    DELETE FROM _genai.usage_identity_hour u
    USING unnest(%(ids)s::bigint[], %(new)s::bigint[]) AS o (id, new_id)
    WHERE u.identity_id = o.id AND u.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
    RETURNING u.*, o.new_id
)
INSERT INTO _genai.usage_identity_hour AS u (
    bucket, identity_id, series_id,
    {calls..latency_b23: #}
)
SELECT
    u.bucket, u.new_id, u.series_id,
    {calls..latency_b23: _genai.total(u.#)}
FROM moved u
GROUP BY u.bucket, u.new_id, u.series_id
ORDER BY u.bucket, u.new_id, u.series_id
ON CONFLICT (bucket, identity_id, series_id) DO UPDATE SET
    calls = u.calls + excluded.calls,
    {requests..latency_b23: # = coalesce(u.# + excluded.#, u.#, excluded.#)}
