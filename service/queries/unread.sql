-- unread: the sources of usage that no rule reads, in all that is kept, the latest first.
SELECT scope, version, service_name, environment, data_mode, keys, sum(spans)::bigint AS spans,
       min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM genai.unread
GROUP BY scope, version, service_name, environment, data_mode, keys
ORDER BY last_seen DESC, spans DESC, scope, version, service_name
