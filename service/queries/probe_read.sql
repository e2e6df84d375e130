-- probe_read: the summaries that dashboards read answer.
SELECT calls FROM genai.usage_minute WHERE bucket >= now() - interval '1 minute' LIMIT 1
