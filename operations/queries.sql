-- Questions of the command line and the service to the ledger (operations/query.py). Figures are the views' own.

-- add_price_map --
-- A set of prices that is in force from now on; the id of the one that is there already.
INSERT INTO _genai.price_map (sha256, base, file_sha256, code_version, loaded_by)
VALUES (%(sha256)s, %(base)s, %(file_sha256)s, %(code_version)s, %(loaded_by)s)
ON CONFLICT (sha256) DO UPDATE SET loaded_at = now()
RETURNING id


-- add_price_vectors --
-- Prices of models, each as it was multiplied; one that is there already stays as it is.
INSERT INTO _genai.price_vector (id, map_id, provider, model, service_tier, valid_from, valid_to, threshold_tokens,
                                 coefficients, source, source_url, checked_at)
SELECT v.id, %(map_id)s, v.provider, v.model, v.service_tier, v.valid_from, v.valid_to, v.threshold_tokens,
       v.coefficients, v.source, v.source_url, v.checked_at
FROM jsonb_to_recordset(%(vectors)s) AS v (
    id bigint, provider text, model text, service_tier text, valid_from timestamptz, valid_to timestamptz,
    threshold_tokens bigint, coefficients jsonb, source text, source_url text, checked_at date
)
ON CONFLICT (id) DO NOTHING


-- arrived_calls --
-- Calls received after a moment, oldest first, however old their own time is. The keys' BRIN index
-- finds them by receipt, the index on time finds the rows.
SELECT c.call_key, c.time, c.received_at, c.provider, c.model, c.operation, c.endpoint_tag, c.prompt_version,
       c.user_id, c.tenant_id, c.environment, c.data_mode, c.service_name, c.input_tokens, c.output_tokens,
       c.usage_source, c.latency_ms, c.status, c.error_type, c.cost_pico_usd, c.price_status, c.dialect, c.flags,
       c.sources, c.trace_id, c.span_id
FROM (SELECT DISTINCT call, time FROM _genai.call_key WHERE received_at > %(after)s) AS k
JOIN genai.model_call AS c ON c.time = k.time AND c.call_key = k.call
WHERE c.received_at > %(after)s AND NOT genai.is_probe(c.environment)
ORDER BY c.received_at, c.call_key
LIMIT %(limit)s


-- arrived_uncounted --
-- Spans of GenAI interest that were not counted, and what was refused for good, with the reason.
SELECT received_at, name, reason, trace_id, span_id, refused
FROM (
    SELECT received_at, name, reason, trace_id, span_id, false AS refused
    FROM genai.sighting WHERE received_at > %(after)s
    UNION ALL
    SELECT received_at, name, reason || ': ' || detail, trace_id, span_id, true
    FROM genai.quarantine WHERE received_at > %(after)s
) AS arrived
ORDER BY received_at, span_id
LIMIT %(limit)s


-- as_of --
-- Calls and cost by provider and model of whole days, as they were believed at a moment.
SELECT a.provider AS within, a.model AS name, sum(a.calls)::bigint AS calls, sum(a.cost_pico_usd)::bigint AS cost_pico_usd,
    bool_and(a.is_known) AS is_known, bool_or(a.is_closed) AS is_closed
FROM genai.as_of(%(moment)s, %(from)s, %(to)s) a
WHERE (%(environment)s = '*' OR a.environment = %(environment)s) AND (%(data_mode)s = '*' OR a.data_mode = %(data_mode)s)
GROUP BY a.provider, a.model
ORDER BY sum(a.cost_pico_usd) DESC, sum(a.calls) DESC, a.provider, a.model


-- day --
-- What was counted from a moment on, by environment and data mode, from the sums by minute; and what was not read.
SELECT environment, data_mode, coalesce(calls, 0) AS calls, coalesce(requests, 0) AS requests,
       coalesce(errors, 0) AS errors, coalesce(cost_pico_usd, 0) AS cost_pico_usd,
       coalesce(unpriced_calls, 0) AS unpriced_calls, coalesce(uncertain_calls, 0) AS uncertain_calls,
       coalesce(unread_spans, 0) AS unread_spans,
       genai.at_least(unpriced_calls, uncertain_calls, unread_spans) AS at_least
FROM (
    SELECT environment, data_mode, sum(calls)::bigint AS calls, sum(requests)::bigint AS requests,
           sum(errors)::bigint AS errors, sum(cost_pico_usd)::numeric AS cost_pico_usd,
           sum(unpriced_calls)::bigint AS unpriced_calls, sum(uncertain_calls)::bigint AS uncertain_calls
    FROM genai.usage_minute
    WHERE bucket >= %(from)s AND NOT genai.is_probe(environment)
    GROUP BY environment, data_mode
) AS counted
FULL JOIN (
    SELECT environment, data_mode, sum(spans)::bigint AS unread_spans
    FROM genai.unread
    WHERE bucket >= %(from)s
    GROUP BY environment, data_mode
) AS unread USING (environment, data_mode)
ORDER BY cost_pico_usd DESC, environment, data_mode


-- elsewhere --
-- Which environments and data modes the ledger holds, with the hour each was last seen.
SELECT environment, data_mode, sum(calls)::bigint AS calls, max(bucket) AS last_seen
FROM genai.usage_hour
WHERE NOT genai.is_probe(environment)
GROUP BY environment, data_mode
ORDER BY last_seen DESC, environment, data_mode
LIMIT 20


-- end_lease --
-- Let go of a job, so that another process takes it at once.
UPDATE _genai.lease SET expires_at = now() WHERE job = %(job)s AND holder = %(holder)s


-- explain --
-- The parts of one call's bill.
SELECT e.part, e.booked_as, e.tokens, e.pico_usd_per_token, e.cost_pico_usd, e.field, e.attribute, e.rank
FROM genai.explain(%(call_key)s, %(time)s) e
ORDER BY e.position


-- find_calls --
-- The calls that an id may mean (span, trace, request, response, conversation or call key), newest first.
SELECT m.time, m.received_at, m.call_key, m.trace_id, m.span_id, m.external_request_id, m.response_id, m.provider,
    m.model, m.request_model, m.operation, m.service_tier, m.environment, m.data_mode, m.service_name, m.endpoint_tag,
    m.prompt_version, m.tenant_id, m.user_id, m.status, m.error_type, m.usage_source, m.input_tokens, m.output_tokens,
    m.cache_read_tokens, m.cache_write_tokens, m.cache_write_1h_tokens, m.reasoning_tokens, m.input_audio_tokens,
    m.output_audio_tokens, m.input_image_tokens, m.output_image_tokens, m.input_cached_audio_tokens,
    m.input_cached_image_tokens, m.latency_ms, m.cost_pico_usd, m.first_cost_pico_usd,
    m.price_status, m.price_vector_id, m.price_map_id, m.flags, m.dialect, m.sources, m.reported_cost_usd,
    x.recomputed_pico_usd, x.agrees, nullif(v.valid_from, '-infinity') AS valid_from, nullif(v.valid_to, 'infinity') AS valid_to, v.threshold_tokens, v.source AS price_source,
    v.source_url AS price_source_url, v.checked_at AS price_checked_at, v.coefficients, v.provider AS price_provider,
    v.model AS price_model, v.service_tier AS price_service_tier
FROM genai.model_call m
LEFT JOIN genai.price_vector v ON v.id = m.price_vector_id
LEFT JOIN LATERAL genai.explained(m.call_key, m.time) x ON true
WHERE m.time >= %(from)s AND m.time < %(to)s AND (
    m.span_id = lower(%(id)s) OR m.trace_id = lower(replace(%(id)s, '-', '')) OR m.external_request_id = %(id)s
    OR m.response_id = %(id)s OR m.call_key::text = lower(%(id)s))
ORDER BY m.time DESC, m.call_key
LIMIT %(limit)s


-- forget_sender_problems --
-- What is a week old, and spans without calls of services whose calls are counted.
DELETE FROM _genai.sender_problem
WHERE last_seen < now() - interval '7 days'
    OR (receiver = %(receiver)s AND cause IN ('no_genai', 'empty') AND service = ANY(%(services)s))


-- last_calls --
-- The calls that started last, newest first.
SELECT time, received_at, provider, model, endpoint_tag, prompt_version, tenant_id, environment, data_mode,
       input_tokens, output_tokens, latency_ms, status, cost_pico_usd, price_status
FROM genai.model_call
WHERE NOT genai.is_probe(environment)
ORDER BY time DESC
LIMIT %(limit)s


-- note_task --
-- How a task went.
INSERT INTO _genai.task_run (task, holder, every_seconds, done_at, failed_at, error)
VALUES (%(task)s, %(holder)s, %(every_seconds)s, CASE WHEN %(error)s::text IS NULL THEN now() END,
        CASE WHEN %(error)s::text IS NOT NULL THEN now() END, %(error)s)
ON CONFLICT (task) DO UPDATE SET
    holder = excluded.holder, every_seconds = excluded.every_seconds, error = excluded.error,
    done_at = coalesce(excluded.done_at, task_run.done_at),
    failed_at = coalesce(excluded.failed_at, task_run.failed_at)


-- outside_default --
-- Calls of a span of time by environment and data mode, if the last hour has none of prod and real.
SELECT u.environment, u.data_mode, sum(u.calls)::bigint AS calls
FROM genai.usage_minute u
WHERE u.bucket >= %(start)s AND u.bucket < %(end)s AND NOT genai.is_probe(u.environment)
    AND NOT EXISTS (
        SELECT FROM genai.usage_minute d
        WHERE d.bucket >= now() - interval '1 hour' AND d.environment = 'prod' AND d.data_mode = 'real'
    )
GROUP BY u.environment, u.data_mode
HAVING sum(u.calls) > 0
ORDER BY calls DESC
LIMIT 10


-- put_sender_problem --
-- What a receiver saw of one cause at one sender since it last wrote.
INSERT INTO _genai.sender_problem AS p
    (receiver, cause, transport, detail, sender, service, title, remedy, is_refused, requests, first_seen, last_seen)
VALUES (%(receiver)s, %(cause)s, %(transport)s, %(detail)s, %(sender)s, %(service)s, %(title)s, %(remedy)s,
        %(is_refused)s, %(requests)s, to_timestamp(%(first)s), to_timestamp(%(last)s))
ON CONFLICT (receiver, cause, transport, detail, sender, service) DO UPDATE SET
    requests = p.requests + excluded.requests, last_seen = excluded.last_seen, title = excluded.title,
    remedy = excluded.remedy, is_refused = excluded.is_refused


-- put_setting --
-- A setting that views and panels need.
INSERT INTO _genai.setting (key, value) VALUES (%(key)s, %(value)s)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now()
WHERE setting.value IS DISTINCT FROM excluded.value


-- sender_problems --
-- Why requests of senders ended in no counted call, seen after a moment, most recent first.
SELECT cause, title, remedy, is_refused, transport, detail, sender, service_name, receiver, requests, first_seen,
       last_seen
FROM genai.sender_problem
WHERE last_seen > %(after)s
ORDER BY last_seen DESC, requests DESC, cause, detail, sender
LIMIT 100


-- stored_vectors --
-- Every price that maps other than this one brought, the older map first.
SELECT v.map_id, v.provider, v.model, v.service_tier, v.valid_from::text AS valid_from, v.valid_to::text AS valid_to,
    coalesce(v.threshold_tokens, -1) AS input_tokens_gt, v.coefficients, v.source
FROM genai.price_vector v JOIN genai.price_map m ON m.id = v.map_id
WHERE m.sha256 <> %(sha256)s
ORDER BY v.map_id


-- take_lease --
-- Become, or stay, the one process that does a job; no row when another one does.
INSERT INTO _genai.lease AS held (job, holder, expires_at)
VALUES (%(job)s, %(holder)s, now() + make_interval(secs => %(seconds)s))
ON CONFLICT (job) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE held.holder = excluded.holder OR held.expires_at < now()
RETURNING held.holder


-- unpriced --
-- Models without a price, most calls first.
SELECT provider, model, environment, data_mode, calls, first_seen, last_seen
FROM genai.unpriced_model
ORDER BY calls DESC, provider, model, environment, data_mode


-- unpriced_usage --
-- Models without a price and their tokens, most calls first.
SELECT provider, model, environment, data_mode, calls, input_tokens, output_tokens, cache_read_tokens, tokens_at_most,
       first_seen, last_seen
FROM genai.unpriced_usage
ORDER BY calls DESC, provider, model, environment, data_mode


-- unread --
-- The sources of usage that no rule reads, in all that is kept, the latest first.
SELECT scope, version, service_name, environment, data_mode, keys, sum(spans)::bigint AS spans,
       min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM genai.unread
GROUP BY scope, version, service_name, environment, data_mode, keys
ORDER BY last_seen DESC, spans DESC, scope, version, service_name
