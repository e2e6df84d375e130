-- elsewhere: which environments and data modes the ledger holds, with the hour each was last seen.
SELECT environment, data_mode, sum(calls)::bigint AS calls, max(bucket) AS last_seen
FROM genai.usage_hour
GROUP BY environment, data_mode
ORDER BY last_seen DESC, environment, data_mode
LIMIT 20
