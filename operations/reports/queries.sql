-- Reports. Sums are those of the dashboards: `genai.sums_of` over whole days.

-- scopes --
-- A window in the scope that providers bill (real and test calls of all environments), and in the real one asked for.
-- Parameters: from, to, environment.
SELECT v.scope, coalesce(sum(u.calls), 0)::bigint AS calls, coalesce(sum(u.requests), 0)::bigint AS requests,
    coalesce(sum(u.cost_pico_usd), 0)::numeric AS cost_pico_usd, coalesce(sum(u.unpriced_calls), 0)::bigint AS unpriced_calls,
    coalesce(sum(u.uncertain_calls), 0)::bigint AS uncertain_calls,
    coalesce(sum(u.error_without_usage_calls), 0)::bigint AS error_without_usage_calls,
    CASE v.scope WHEN 'invoice' THEN genai.unread_spans(%(from)s, %(to)s, '*', 'real')
        + genai.unread_spans(%(from)s, %(to)s, '*', 'test')
        ELSE genai.unread_spans(%(from)s, %(to)s, %(environment)s, 'real') END AS unread_spans
FROM (VALUES ('invoice'), ('real')) v (scope)
LEFT JOIN genai.sums_of(%(from)s, %(to)s, NULL, '*', '*', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'series') u
    ON CASE v.scope WHEN 'invoice' THEN genai.is_billed(u.environment, u.data_mode) ELSE u.data_mode = 'real'
        AND (%(environment)s = '*' OR u.environment = ANY (string_to_array(%(environment)s, ','))) END
GROUP BY v.scope
ORDER BY v.scope


-- late_calls --
-- Calls of [from, to) in the invoice scope that were received after its end, as far as single calls are kept.
SELECT count(*) AS calls, coalesce(sum(c.cost_pico_usd), 0)::numeric AS cost_pico_usd,
    (SELECT max(f.time) FROM genai.floor f WHERE f.level = 'raw') <= %(from)s AS is_known
FROM genai.model_call c
WHERE c.time >= %(from)s AND c.time < %(to)s AND c.received_at >= %(to)s AND genai.is_billed(c.environment, c.data_mode)


-- corrections --
-- What was changed after the first booking of calls of the days [from, to), by kind, in the invoice scope; `after` counts
-- only what was changed after the end.
SELECT l.kind, sum(l.calls)::bigint AS calls, sum(l.cost_pico_usd)::numeric AS cost_pico_usd,
    coalesce(sum(l.cost_pico_usd) FILTER (WHERE l.at >= %(to)s), 0)::numeric AS after_pico_usd, max(l.at) AS last_at
FROM genai.ledger_line l
WHERE l.day >= (%(from)s::timestamptz AT TIME ZONE 'UTC')::date AND l.day < (%(to)s::timestamptz AT TIME ZONE 'UTC')::date
    AND genai.is_billed(l.environment, l.data_mode)
GROUP BY l.kind
ORDER BY l.kind


-- price_maps --
-- The price maps that were in force within [from, to).
SELECT m.id, m.base, m.sha256, m.file_sha256, m.loaded_at
FROM (
    SELECT p.*, lead(p.loaded_at) OVER (ORDER BY p.loaded_at, p.id) AS until FROM genai.price_map p
) m
WHERE m.loaded_at < %(to)s AND (m.until IS NULL OR m.until > %(from)s)
ORDER BY m.loaded_at, m.id


-- export_rows --
-- The rows of one window by environment, data mode and one dimension or two. Parameters: from, to, environment, data_mode
-- ('invoice' for real and test), dimension, first, second.
SELECT u.environment, u.data_mode,
    genai.value_of(%(first)s, u.endpoint_tag, u.prompt_version, u.user_id, u.tenant_id, u.model, u.provider,
        u.service_name) AS first,
    genai.value_of(%(second)s, u.endpoint_tag, u.prompt_version, u.user_id, u.tenant_id, u.model, u.provider,
        u.service_name) AS second,
    {calls..cancelled: sum(u.#)::bigint AS #}, {input_tokens..output_image_tokens: sum(u.#)::bigint AS #},
    {input_cost_pico_usd..other_cost_pico_usd: sum(u.#)::numeric AS #}, sum(u.cost_pico_usd)::numeric AS cost_pico_usd,
    {unpriced_calls..error_without_usage_calls: sum(u.#)::bigint AS #}
FROM genai.sums_of(
    %(from)s, %(to)s, NULL, %(environment)s, CASE %(data_mode)s WHEN 'invoice' THEN '*' ELSE %(data_mode)s END, %(dimension)s, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, genai.window_source(%(dimension)s, NULL, NULL, NULL, NULL, NULL)) u
WHERE %(data_mode)s <> 'invoice' OR genai.is_billed(u.environment, u.data_mode)
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4


-- incidents --
-- Incidents that were opened or closed in [from, to), and those that are still open.
SELECT i.id, i.title, i.state, i.severity, i.owner, i.driver, i.driver_class, i.opened_at, i.closed_at, i.recurrences, i.guardrail
FROM genai.incident i
WHERE i.opened_at < %(to)s AND (i.closed_at IS NULL OR i.closed_at >= %(from)s)
ORDER BY i.opened_at


-- open_guardrails --
-- Incidents that were closed without a guardrail, the latest first.
SELECT i.id, i.title, i.owner, i.driver, i.closed_at, i.waiver, i.recurrences
FROM genai.incident i
WHERE i.is_guardrail_open AND i.closed_at < %(to)s
ORDER BY i.closed_at DESC
LIMIT 50
