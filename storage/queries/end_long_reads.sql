-- A role's statement_timeout is a default that a session may change; this is the limit (LEDGER §17).
SELECT count(*) FILTER (WHERE pg_cancel_backend(a.pid)) FROM pg_stat_activity a
WHERE a.usename = 'grafana_reader' AND a.state = 'active' AND a.query_start < now() - interval '30 seconds'
