-- How soon calls are visible (operations/freshness/model.py).

-- freshness --
-- The bounds of each step, the whole range last.
SELECT f.time, f.calls, f.p50_seconds, f.p95_seconds, f.p99_seconds
FROM genai.freshness_by(%(start)s, %(end)s, %(step)s) f


-- freshness_now --
-- How the contract stands at this moment.
SELECT n.seconds, n.objective_seconds, n.is_breach, n.reason, n.calls, n.p95_seconds, n.behind_seconds, n.complete_to,
    n.probe_failure, n.probe_detail, n.rejected, now() AS now
FROM genai.freshness_now() n


-- open_breach_of_now --
-- The breach that is open.
SELECT b.id, b.cause FROM genai.freshness_breach b WHERE b.closed_at IS NULL


-- open_breach --
-- Begin the record of a breach.
INSERT INTO _genai.freshness_breach (opened_at, peak_at, peak_seconds, cause, detail)
VALUES (%(opened_at)s, now(), %(seconds)s, %(cause)s, %(detail)s)
ON CONFLICT DO NOTHING


-- go_on_with_breach --
-- It is still open: its worst so far, and its cause as far as that is known better by now.
UPDATE _genai.freshness_breach b SET
    peak_at = CASE WHEN %(seconds)s > b.peak_seconds THEN now() ELSE b.peak_at END,
    peak_seconds = greatest(b.peak_seconds, %(seconds)s), cause = %(cause)s, detail = %(detail)s
WHERE b.closed_at IS NULL


-- close_breach --
-- It is over.
UPDATE _genai.freshness_breach b SET closed_at = now() WHERE b.closed_at IS NULL RETURNING b.id


-- past_breach --
-- A breach that could not be recorded while it lasted, unless one of that time is there.
INSERT INTO _genai.freshness_breach (opened_at, peak_at, peak_seconds, closed_at, cause, detail)
SELECT %(since)s, %(until)s, extract(epoch FROM %(until)s - %(since)s), %(until)s, %(cause)s, %(detail)s
FROM genai.freshness_objective() o
WHERE %(until)s - %(since)s > make_interval(secs => o.objective_seconds)
    AND NOT EXISTS (
        SELECT FROM genai.freshness_breach b WHERE b.opened_at <= %(until)s AND coalesce(b.closed_at, now()) >= %(since)s)


-- breaches --
-- Breaches of a range, the latest first.
SELECT b.id, b.opened_at, b.peak_at, b.peak_seconds, b.closed_at, b.lasted_seconds, b.cause, b.detail, b.note, b.noted_by,
    b.noted_at
FROM genai.freshness_breach b
WHERE b.opened_at < %(end)s AND coalesce(b.closed_at, 'infinity') >= %(start)s
ORDER BY b.opened_at DESC, b.id DESC


-- note_breach --
-- What somebody says of it.
UPDATE _genai.freshness_breach b SET note = %(note)s, noted_by = %(by)s, noted_at = now() WHERE b.id = %(id)s RETURNING b.id


-- forget_breaches --
-- Take away what is older than a year.
DELETE FROM _genai.freshness_breach b WHERE b.closed_at < now() - interval '366 days'


-- freshness_budget --
-- The error budget of thirty days.
SELECT b.objective_seconds, b.calls, b.late, b.used, b.burn_1h, b.burn_6h FROM genai.freshness_budget() b


-- sample_lag --
-- How late the calls of the last ten minutes came, by service, and the quickest of the last minute.
INSERT INTO _genai.sender_lag_minute (minute, environment, data_mode, service_name, calls, p95_seconds, least_seconds)
SELECT date_bin('1 minute', now(), 'epoch'), g.env, g.data_mode, g.service, g.calls, g.p95_seconds,
    coalesce(a.least_seconds, 0)
FROM genai.sender_lag(now()) g
LEFT JOIN genai.arrival_delay(now() - interval '1 minute', now(), 1000) a USING (env, data_mode, service)
ON CONFLICT DO NOTHING


-- forget_lag --
-- Take away older samples.
DELETE FROM _genai.sender_lag_minute l WHERE l.minute < now() - %(days)s * interval '1 day'


-- lags --
-- How late the calls of each service came, by step.
SELECT l.time, l.environment, l.data_mode, l.service_name, l.calls, l.p95_seconds, l.least_seconds
FROM genai.sender_lag_by(%(start)s, %(end)s, %(step)s) l
