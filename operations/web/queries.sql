-- Questions of the pages (operations/web/queries.py).

-- alerts_within --
-- Alerts whose window overlaps the question's, of its selection, with their incidents; those of just this window first.
SELECT e.id, e.title, e.state, i.incident_id
FROM genai.alert_episode e
LEFT JOIN genai.incident_alert i ON i.episode_id = e.id
WHERE e.window_from < %(end)s AND e.window_to > %(start)s AND NOT e.is_test AND e.rule <> 'watchdog'
    AND genai.is_selected(%(environment)s, %(data_mode)s, e.environment, e.data_mode)
ORDER BY e.state = 'resolved', (e.window_from, e.window_to) <> (%(start)s, %(end)s), e.starts_at DESC
LIMIT 5


-- bill --
-- The parts of a call's bill: tokens times price, recomputed from its row.
SELECT e.part, e.tokens, e.pico_usd_per_token * 1e-6 AS usd_per_million, e.cost_pico_usd * 1e-12 AS cost_usd,
    e.booked_as, e.attribute
FROM genai.explain(%(key)s, %(at)s) e
ORDER BY e."position"


-- bill_sum --
-- What the parts sum to, and whether that is what the ledger holds.
SELECT e.cost_pico_usd * 1e-12 AS cost_usd, e.recomputed_pico_usd * 1e-12 AS recomputed_usd, e.agrees
FROM genai.explained(%(key)s, %(at)s) e


-- burn --
-- Spend over time of a window and of its baseline moved onto it, with a row for every step: no call is no spend.
WITH asked AS (
    SELECT
        CASE
            WHEN genai.window_source(
                    '', %(endpoint)s, %(prompt_version)s, %(user)s, %(tenant)s, %(service)s) LIKE 'identity%%'
                OR %(start)s < (SELECT f.time FROM genai.floor f WHERE f.level = 'minute')
                THEN greatest(genai.panel_step(%(start)s, %(end)s), interval '1 hour')
            ELSE genai.panel_step(%(start)s, %(end)s)
        END AS step,
        genai.baseline_from(%(start)s, %(end)s, %(baseline)s) AS baseline_from,
        genai.baseline_to(%(start)s, %(end)s, %(baseline)s) AS baseline_to
), place AS (
    SELECT 'now' AS segment, a.step, t.time
    FROM asked a
    CROSS JOIN generate_series(
        date_bin(a.step, %(start)s, 'epoch'), %(end)s - interval '1 microsecond', a.step) t (time)
    UNION ALL
    SELECT 'before', a.step, t.time + (%(start)s - a.baseline_from)
    FROM asked a
    CROSS JOIN generate_series(
        date_bin(a.step, a.baseline_from, 'epoch'), a.baseline_to - interval '1 microsecond', a.step) t (time)
)
SELECT p.segment, p.time, extract(epoch FROM p.step)::integer AS step_seconds, coalesce(u.cost_usd, 0) AS cost_usd
FROM place p
LEFT JOIN genai.now_and_before(
    %(start)s, %(end)s, %(baseline)s, %(environment)s, %(data_mode)s, %(endpoint)s, %(prompt_version)s, %(user)s,
    %(tenant)s, %(model)s, %(service)s) u ON u.segment = p.segment AND u.time = p.time
ORDER BY p.segment, p.time


-- call --
-- One call with the price that was used for it; `at` is its time, where the address has it.
SELECT c.*, c.input_cost_pico_usd * 1e-12 AS input_cost_usd,
    (c.cost_pico_usd - c.first_cost_pico_usd) * 1e-12 AS repriced_usd, c.first_cost_pico_usd * 1e-12 AS first_cost_usd,
    v.provider AS priced_provider, v.model AS priced_model, v.service_tier AS priced_tier,
    nullif(v.valid_from, '-infinity') AS valid_from, nullif(v.valid_to, 'infinity') AS valid_to, v.threshold_tokens, v.threshold_inclusive, v.above, v.source, v.source_url, v.checked_at, p.base AS price_list,
    replace(replace((SELECT s.value FROM genai.setting s WHERE s.key = 'trace_url'), '{traceId}', c.trace_id),
        '{spanId}', coalesce(c.span_id, '')) AS trace_url
FROM genai.model_call c
LEFT JOIN genai.price_vector v ON v.id = c.price_vector_id
LEFT JOIN genai.price_map p ON p.id = c.price_map_id
WHERE c.call_key = %(key)s AND c.time = (SELECT coalesce(%(at)s::timestamptz, genai.call_time(%(key)s)))
LIMIT 1


-- calls --
-- Single calls of a question, the newest first, with the address of their trace where one is configured.
SELECT c.time, c.call_key, c.endpoint, c.prompt_version, c.model, c.tenant, c."user", c.input_tokens, c.output_tokens,
    c.latency_ms, c.status, c.error, c.price_status, c.cost_usd, c.trace_url
FROM genai.calls_of(
    %(start)s, %(end)s, %(environment)s, %(data_mode)s, coalesce(%(endpoint)s, '*'), coalesce(%(prompt_version)s, '*'),
    coalesce(%(user)s, '*'), coalesce(%(tenant)s, '*'), coalesce(%(model)s, '*'), coalesce(%(service)s, '*'),
    %(limit)s, coalesce(%(provider)s, '*'), %(status)s) c


-- grafana --
-- Where Grafana is, as a browser sees it; empty where no one said.
SELECT coalesce((SELECT s.value FROM genai.setting s WHERE s.key = 'grafana_url'), '') AS root


-- end_old_sessions --
-- Sessions that have run out.
DELETE FROM _genai.session WHERE expires_at < now()


-- end_session --
-- Somebody signs out: whose key it was.
DELETE FROM _genai.session s USING _genai.api_key k WHERE s.token_hash = %(token)s AND k.id = s.key_id
RETURNING k.id, k.name


-- outside --
-- Environments and data modes that the selection leaves out.
SELECT environment, data_mode, calls, last_seen FROM genai.data_outside(%(start)s, %(end)s, %(environment)s, %(data_mode)s)


-- problems --
-- Why requests of senders ended in no counted call, of the window up to now; one row per cause, at its busiest sender.
SELECT DISTINCT ON (p.cause) p.cause, p.title, p.remedy, p.is_refused, p.transport, p.detail, p.sender,
    p.service_name, (sum(p.requests) OVER cause)::bigint AS requests, max(p.last_seen) OVER cause AS last_seen,
    count(*) OVER cause AS senders
FROM genai.sender_problem p
WHERE p.last_seen >= %(start)s AND p.last_seen < %(end)s + interval '1 minute'
WINDOW cause AS (PARTITION BY p.cause)
ORDER BY p.cause, p.requests DESC, p.sender, p.detail


-- refused --
-- Spans that were refused for good in a window, by reason, the most frequent first.
SELECT q.reason, count(*) AS spans
FROM genai.quarantine q
WHERE q.received_at >= %(start)s AND q.received_at < %(end)s
GROUP BY q.reason
ORDER BY count(*) DESC, q.reason
LIMIT 5


-- session --
-- Whose session it is, unless it has run out or its key was revoked.
SELECT k.id, k.name, k.scopes FROM _genai.session s JOIN _genai.api_key k ON k.id = s.key_id
WHERE s.token_hash = %(token)s AND s.expires_at > now() AND k.revoked_at IS NULL


-- spend --
-- What a window cost, and what that sum does not hold.
SELECT coalesce(sum(u.cost_pico_usd), 0) * 1e-12 AS cost_usd, coalesce(sum(u.calls), 0)::bigint AS calls,
    coalesce(sum(u.requests), 0)::bigint AS requests,
    genai.at_least(sum(u.unpriced_calls), sum(u.uncertain_calls), genai.unread_spans(
        %(start)s, %(end)s, %(environment)s, %(data_mode)s, %(service)s)) AS at_least
FROM genai.usage_of(
    %(start)s, %(end)s, %(environment)s, %(data_mode)s, 'endpoint', %(endpoint)s, %(prompt_version)s, %(user)s,
    %(tenant)s, %(model)s, %(provider)s, %(service)s) u


-- start_session --
-- Somebody signs in with a key.
INSERT INTO _genai.session (token_hash, key_id, expires_at) VALUES (%(token)s, %(key_id)s, now() + %(length)s)


-- state --
-- Up to when everything is counted, and what the reader must know about the range.
SELECT complete_to, state, notice
FROM genai.data_state('spanledger-overview', %(start)s, %(end)s, %(environment)s, %(data_mode)s)


-- top --
-- The most expensive endpoints, or prompt versions with their endpoint, beside their baseline; shares are of all spend.
SELECT s.endpoint, s.prompt_version, s.k1 * 1e-12 AS cost_usd, s.k0 * 1e-12 AS baseline_cost_usd,
    (s.k1 - s.k0) * 1e-12 AS delta_usd, (s.k1 / nullif(sum(s.k1) OVER (), 0))::float8 AS cost_share,
    s.c1::bigint AS calls, s.at_least,
    round(s.k1 * 1e-12 / nullif(s.judged_by, 0), 12) AS cost_per_request_usd
FROM (
    SELECT u.endpoint_tag AS endpoint, CASE WHEN %(by_version)s THEN u.prompt_version END AS prompt_version,
        sum(u.cost_pico_usd * u.side) AS k1, sum(u.cost_pico_usd * (1 - u.side)) AS k0, sum(u.calls * u.side) AS c1,
        genai.at_least(sum(u.unpriced_calls * u.side), sum(u.uncertain_calls * u.side), 0) AS at_least,
        sum(genai.unit_count(genai.judged_per_call('endpoint', %(model)s, %(provider)s), u.requests, u.calls,
            u.unpriced_calls, u.error_without_usage_calls) * u.side) AS judged_by
    FROM genai.usage_of_both(
        %(start)s, %(end)s, %(baseline)s, %(environment)s, %(data_mode)s, 'endpoint', %(endpoint)s, %(prompt_version)s,
        %(user)s, %(tenant)s, %(model)s, %(provider)s, %(service)s) u
    GROUP BY 1, 2
) s
WHERE s.c1 > 0
ORDER BY s.k1 DESC, s.c1 DESC, s.endpoint, s.prompt_version
LIMIT %(limit)s


-- unpriced --
-- Models with calls without a price in a window, the most called first: their calls are those of the window.
SELECT u.provider, u.model, sum(u.unpriced_calls)::bigint AS calls
FROM genai.usage_of(
    %(start)s, %(end)s, %(environment)s, %(data_mode)s, 'model', %(endpoint)s, %(prompt_version)s, %(user)s, %(tenant)s,
    %(model)s, %(provider)s, %(service)s) u
GROUP BY u.provider, u.model
HAVING sum(u.unpriced_calls) > 0
ORDER BY 3 DESC, u.provider, u.model
LIMIT 5


-- unread --
-- Who sent usage that no rule reads, the latest first.
SELECT s.scope, s.version, s.service_name, s.keys, s.spans, s.last_seen
FROM genai.unread_sources(%(start)s, %(end)s, %(environment)s, %(data_mode)s, %(service)s) s
LIMIT 5
