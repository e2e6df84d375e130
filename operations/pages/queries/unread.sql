-- Who sent usage that no rule reads, the latest first.
SELECT s.scope, s.version, s.service_name, s.keys, s.spans, s.last_seen
FROM genai.unread_sources(%(start)s, %(end)s, %(environment)s, %(data_mode)s, %(service)s) s
LIMIT 5
