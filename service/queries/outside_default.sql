-- outside_default: calls of a span of time by environment and data mode, if the last hour has none of prod and real.
SELECT u.environment, u.data_mode, sum(u.calls)::bigint AS calls
FROM genai.usage_minute u
WHERE u.bucket >= %(start)s AND u.bucket < %(end)s
    AND NOT EXISTS (
        SELECT FROM genai.usage_minute d
        WHERE d.bucket >= now() - interval '1 hour' AND d.environment = 'prod' AND d.data_mode = 'real'
    )
GROUP BY u.environment, u.data_mode
HAVING sum(u.calls) > 0
ORDER BY calls DESC
LIMIT 10
