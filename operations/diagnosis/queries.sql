-- What `/diagnostics` and `/readyz` ask the database (operations/diagnosis/database.py).

-- probe_commit --
-- A commit that reaches the disk, on a row of its own.
INSERT INTO _genai.lease (job, holder, expires_at) VALUES ('readyz', 'readyz', now())
ON CONFLICT (job) DO UPDATE SET expires_at = now()


-- probe_read --
-- The sums that the Overview reads, through the function that its panel of spend asks.
SELECT count(*) FROM genai.usage_over_time(
    now() - interval '1 minute', now(), 'prod', 'real', 'endpoint', '*', '*', '*', '*', '*', '*')


-- probe_sums --
-- Every level of the sums can be read.
SELECT (SELECT count(*) FROM (SELECT FROM genai.usage_minute LIMIT 1) x)
    + (SELECT count(*) FROM (SELECT FROM genai.usage_hour LIMIT 1) x)
    + (SELECT count(*) FROM (SELECT FROM genai.usage_identity LIMIT 1) x)


-- clock --
-- The server's clock, and what it is.
SELECT extract(epoch FROM clock_timestamp())::float8 AS now, current_setting('server_version') AS version,
    (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'timescaledb') AS timescaledb


-- lag --
-- From receipt to visible over the last hour, and up to when all that was received is counted. What is beyond the last bound
-- (12 minutes) is an hour: JSON has no infinity.
WITH bucket AS (
    SELECT up_to_ms, sum(calls)::bigint AS calls
    FROM genai.freshness_minute
    WHERE minute >= now() - interval '1 hour'
    GROUP BY up_to_ms
), running AS (
    SELECT up_to_ms, sum(calls) OVER (ORDER BY up_to_ms) AS up_to, sum(calls) OVER () AS calls FROM bucket
)
SELECT coalesce(max(r.calls), 0)::bigint AS calls,
    least(min(r.up_to_ms) FILTER (WHERE r.up_to >= 0.50 * r.calls), 3.6e6) AS p50_ms_below,
    least(min(r.up_to_ms) FILTER (WHERE r.up_to >= 0.95 * r.calls), 3.6e6) AS p95_ms_below,
    (SELECT w.complete_to FROM genai.watermark w) AS complete_to,
    (SELECT extract(epoch FROM now() - w.complete_to)::float8 FROM genai.watermark w) AS behind_seconds
FROM running r


-- contract --
-- How the freshness contract stands, and the breach that is open.
SELECT n.objective_seconds, n.is_breach, n.reason, n.p95_seconds, n.behind_seconds, n.probe_failure, n.probe_detail, n.rejected,
    (SELECT array_agg(DISTINCT q.reason) FROM genai.quarantine q
        WHERE n.rejected > 0 AND q.received_at >= now() - make_interval(secs => o.window_seconds)) AS rejected_because,
    p.every_seconds AS probe_every_seconds, p.sent_at AS probe_sent_at, p.good_at AS probe_good_at, p.is_missing AS probe_is_missing,
    b.id AS breach, b.opened_at AS breach_opened_at, b.cause AS breach_cause
FROM genai.freshness_now() n
CROSS JOIN genai.freshness_objective() o
CROSS JOIN genai.probe_state() p
LEFT JOIN genai.freshness_breach b ON b.closed_at IS NULL


-- jobs --
-- Who does each job that one process does at a time.
SELECT l.job, l.holder, l.expires_at > now() AS is_held, l.expires_at
FROM _genai.lease l WHERE l.job NOT IN ('readyz', 'probe_turn') ORDER BY l.job


-- tasks --
-- How each periodic task went last. Overdue: not done within three of its periods and two minutes.
SELECT t.task, t.holder, t.every_seconds, t.done_at, t.failed_at, t.error,
    coalesce(t.done_at, t.failed_at) < now() - make_interval(secs => 3 * t.every_seconds + 120) AS is_overdue
FROM _genai.task_run t ORDER BY t.task


-- waiting --
-- What late binding has not looked at yet, and sums that differ from their calls.
SELECT (SELECT count(*) FROM (SELECT FROM _genai.arrival LIMIT 100000) a) AS unbound,
    (SELECT coalesce(sum(c.differences), 0)::bigint FROM _genai.rollup_check c) AS rollup_differences


-- table_sizes --
-- The largest tables with their indexes; the chunks of a hypertable count to it.
SELECT c.relname AS name, count(k.inhrelid) AS chunks,
    (pg_total_relation_size(c.oid) + coalesce(sum(pg_total_relation_size(k.inhrelid)), 0))::bigint AS bytes
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_inherits k ON k.inhparent = c.oid
WHERE c.relnamespace = '_genai'::regnamespace AND c.relkind IN ('r', 'p')
GROUP BY c.oid, c.relname
ORDER BY bytes DESC, name
LIMIT 10


-- growth --
-- The database's size, and by how much it grows a day: the slope through the samples of up to a week.
SELECT pg_database_size(current_database()) AS database_bytes,
    CASE WHEN max(s.at) - min(s.at) >= interval '2 hours'
        THEN regr_slope(s.database_bytes, extract(epoch FROM s.at)::float8) * 86400 END AS bytes_per_day,
    min(s.at) AS since
FROM _genai.size_sample s
WHERE s.at >= now() - interval '7 days'
