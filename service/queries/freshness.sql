-- freshness: from receipt to visible over the last hour: calls, and the bounds that half and 95 of 100 stay below.
WITH bucket AS (
    SELECT up_to_ms, sum(calls)::bigint AS calls
    FROM genai.freshness_minute
    WHERE minute >= now() - interval '1 hour'
    GROUP BY up_to_ms
), running AS (
    SELECT up_to_ms, sum(calls) OVER (ORDER BY up_to_ms) AS up_to, sum(calls) OVER () AS calls FROM bucket
)
SELECT coalesce(max(calls), 0)::bigint AS calls,
       min(up_to_ms) FILTER (WHERE up_to >= 0.50 * calls) AS p50_ms_below,
       min(up_to_ms) FILTER (WHERE up_to >= 0.95 * calls) AS p95_ms_below,
       (SELECT complete_to FROM genai.watermark) AS complete_to
FROM running
