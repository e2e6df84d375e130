-- end_slow_readers: cancel what Grafana's role runs for more than 30 s; its own limits can be raised by it (LEDGER §17).
SELECT pid, pg_cancel_backend(pid) AS ended
FROM pg_catalog.pg_stat_activity
WHERE usename = 'grafana_reader' AND datname = current_database() AND state = 'active'
  AND query_start < clock_timestamp() - interval '30 seconds'
