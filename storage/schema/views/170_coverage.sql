-- How well calls are named, and what still waits for a name or a call (LEDGER §23).

-- Wrapper spans that are not counted: calls below them may still come, until `counted_after` at the earliest; a
-- span of the trace that comes before moves it. Money and tokens here are in no total.
CREATE VIEW genai.pending_call AS
SELECT
    s.received_at,
    s.received_at + interval '15 minutes' AS counted_after,
    replace(s.trace_id::text, '-', '') AS trace_id,
    lpad(to_hex(s.span_id), 16, '0') AS span_id,
    s.name,
    s.reason,
    coalesce(s.call ->> 'environment', 'prod') AS environment,
    coalesce(s.call ->> 'data_mode', 'real') AS data_mode,
    coalesce(s.call ->> 'service_name', 'unknown') AS service_name,
    coalesce(s.call ->> 'provider', 'unknown') AS provider,
    coalesce(s.call ->> 'model', 'unknown') AS model,
    (s.call ->> 'input_tokens')::bigint AS input_tokens,
    (s.call ->> 'output_tokens')::bigint AS output_tokens
FROM _genai.sighting s
WHERE s.wrapper;

-- One row per hour, environment and data mode: the share of calls whose tag is known, NULL where the rollup that
-- distinguishes tenants and users is gone. `late_bound_calls` (changed by a span of another request),
-- `promoted_calls` (counted wrappers) and `retracted_calls` (taken back as duplicates) read the hour's rows: give a
-- range of `bucket`. `pending_calls` is as of now, by the hour of their receipt.
CREATE VIEW genai.coverage AS
WITH named AS (
    SELECT u.bucket, u.environment, u.data_mode, sum(u.calls)::bigint AS calls,
        coalesce(sum(u.calls) FILTER (WHERE u.endpoint_tag <> 'unknown'), 0)::bigint AS endpoint_calls,
        coalesce(sum(u.calls) FILTER (WHERE u.prompt_version <> 'unknown'), 0)::bigint AS prompt_version_calls
    FROM genai.usage_hour u
    GROUP BY u.bucket, u.environment, u.data_mode
), people AS (
    SELECT i.bucket, i.environment, i.data_mode, sum(i.calls)::bigint AS calls,
        coalesce(sum(i.calls) FILTER (WHERE i.tenant_id <> 'unknown'), 0)::bigint AS tenant_calls,
        coalesce(sum(i.calls) FILTER (WHERE i.user_id <> 'unknown'), 0)::bigint AS user_calls
    FROM genai.usage_identity i
    GROUP BY i.bucket, i.environment, i.data_mode
), waiting AS (
    SELECT date_bin('1 hour', p.received_at, 'epoch') AS bucket, p.environment, p.data_mode,
        count(*) AS pending_calls
    FROM genai.pending_call p GROUP BY 1, p.environment, p.data_mode
), hours AS (
    SELECT bucket, environment, data_mode, coalesce(n.calls, 0) AS calls,
        n.endpoint_calls, n.prompt_version_calls, p.tenant_calls, p.user_calls,
        n.endpoint_calls::double precision / nullif(n.calls, 0) AS endpoint_share,
        n.prompt_version_calls::double precision / nullif(n.calls, 0) AS prompt_version_share,
        p.tenant_calls::double precision / nullif(p.calls, 0) AS tenant_share,
        p.user_calls::double precision / nullif(p.calls, 0) AS user_share,
        coalesce(w.pending_calls, 0) AS pending_calls
    FROM named n
    FULL JOIN people p USING (bucket, environment, data_mode)
    FULL JOIN waiting w USING (bucket, environment, data_mode)
)
SELECT
    h.bucket, h.environment, h.data_mode, h.calls, h.endpoint_calls, h.prompt_version_calls, h.tenant_calls,
    h.user_calls, h.endpoint_share, h.prompt_version_share, h.tenant_share, h.user_share, l.late_bound_calls,
    l.promoted_calls, l.retracted_calls, h.pending_calls
FROM hours h
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE m.completed IS NOT NULL AND m.merged_into IS NULL) AS late_bound_calls,
        count(*) FILTER (WHERE m.flags & 4096 <> 0 AND m.merged_into IS NULL) AS promoted_calls,
        count(*) FILTER (WHERE m.merged_into IS NOT NULL) AS retracted_calls
    FROM _genai.model_call m JOIN _genai.series s ON s.id = m.series_id
    WHERE m.time >= h.bucket AND m.time < h.bucket + interval '1 hour'
        AND s.environment = h.environment AND s.data_mode = h.data_mode
) AS l;
