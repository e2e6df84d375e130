-- Figures of panels that are no plain row of `compare`.

-- What an hour of a window cost; NULL for an empty one.
CREATE FUNCTION genai.usd_per_hour(p_usd numeric, p_from timestamptz, p_to timestamptz)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(p_usd * 3600 / nullif(extract(epoch FROM p_to - p_from), 0), 12)
$$;

-- Milliseconds of the epoch, as addresses have them.
CREATE FUNCTION genai.milliseconds(p_time timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (extract(epoch FROM p_time) * 1000)::bigint
$$;

-- Spend and requests of a window over time beside its baseline's, which is moved onto the window by whole buckets, so that
-- every bucket has both. `until_ms` as in `usage_chart`; `before_from_ms` and `before_until_ms` are where a bucket of the
-- baseline was before it was moved: what a click on it opens.
CREATE FUNCTION genai.now_and_before(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS TABLE (
    "time" timestamptz, segment text, cost_usd numeric, requests bigint, until_ms bigint, before_from_ms bigint,
    before_until_ms bigint
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH moved AS MATERIALIZED (
        SELECT w.step, round(extract(epoch FROM p_from - w.before) / extract(epoch FROM w.step)) * w.step AS distance
        FROM (
            SELECT genai.baseline_from(p_from, p_to, p_baseline) AS before, genai.chart_step(p_from, p_to, genai.spend_source(
                '', p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service)) AS step
        ) w
    ), bucket AS MATERIALIZED (
        SELECT u.time, 'now' AS segment, u.cost_usd, u.requests, u.until_ms
        FROM genai.usage_chart(
            p_from, p_to, p_env, p_data_mode, '', p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service) u
        UNION ALL
        SELECT u.time + m.distance, 'before', u.cost_usd, u.requests, u.until_ms
        FROM moved m CROSS JOIN genai.usage_chart(
            genai.baseline_from(p_from, p_to, p_baseline), genai.baseline_to(p_from, p_to, p_baseline), p_env, p_data_mode,
            '', p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service) u
    )
    SELECT t.time, s.segment, u.cost_usd, u.requests, genai.milliseconds(t.time + m.step), genai.milliseconds(t.time - m.distance),
        coalesce(b.until_ms, genai.milliseconds(t.time - m.distance + m.step))
    FROM (SELECT DISTINCT x.time FROM bucket x) t
    CROSS JOIN (SELECT DISTINCT x.segment FROM bucket x) s
    CROSS JOIN moved m
    LEFT JOIN bucket u ON u.time = t.time AND u.segment = s.segment
    LEFT JOIN bucket b ON b.time = t.time AND b.segment = 'before'
    ORDER BY t.time, s.segment
$$;

-- What the spend of a window does not hold, and whether that makes it a lower bound (LEDGER §14). Always one row.
CREATE FUNCTION genai.uncounted(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text DEFAULT NULL,
    p_prompt_version text DEFAULT NULL, p_user text DEFAULT NULL, p_tenant text DEFAULT NULL,
    p_model text DEFAULT NULL, p_service text DEFAULT NULL
) RETURNS TABLE (
    unpriced_calls bigint, uncertain_share double precision, error_without_usage_calls bigint, wasted_usd numeric,
    exactness text, unread_spans bigint
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT t.unpriced::bigint, coalesce(t.uncertain / nullif(t.calls, 0), 0)::float8, t.refused::bigint, t.wasted * 1e-12,
        CASE WHEN genai.at_least(t.unpriced, t.uncertain, s.unread) THEN 'at least' WHEN t.calls = 0 THEN 'no calls'
            ELSE 'exact' END,
        s.unread
    FROM (SELECT genai.unread_spans(p_from, p_to, p_env, p_data_mode, p_service) AS unread) s
    CROSS JOIN (
        SELECT coalesce(sum(u.calls), 0) AS calls, coalesce(sum(u.unpriced_calls), 0) AS unpriced,
            coalesce(sum(u.uncertain_calls), 0) AS uncertain, coalesce(sum(u.error_without_usage_calls), 0) AS refused,
            coalesce(sum(u.wasted_cost_pico_usd), 0) AS wasted
        FROM genai.usage_of(
            p_from, p_to, p_env, p_data_mode, 'endpoint', p_endpoint, p_prompt_version, p_user, p_tenant, p_model, NULL,
            p_service) u
    ) t
$$;

-- From receipt to visible, from the writers' histograms; 'infinity' never shows, the last bucket reads as its bound.
CREATE FUNCTION genai.freshness(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (p50_seconds double precision, p95_seconds double precision) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT min(b.up_to_ms) FILTER (WHERE b.reached >= 0.50 * b.total) / 1e3,
        min(b.up_to_ms) FILTER (WHERE b.reached >= 0.95 * b.total) / 1e3
    FROM (
        SELECT least(f.up_to_ms, power(2, 19.5::float8)) AS up_to_ms,
            sum(sum(f.calls)) OVER (ORDER BY f.bucket) AS reached, sum(sum(f.calls)) OVER () AS total
        FROM genai.freshness_minute f
        WHERE f.minute >= date_bin('1 minute', p_from, 'epoch') AND f.minute < p_to
        GROUP BY f.bucket, f.up_to_ms
    ) b
$$;

-- Tenants or users by spend. `cost_share` is of all spend in the selection, unattributed calls included; `state` says who
-- is concentrated: `p_share` of the spend and twice the share of the baseline.
CREATE FUNCTION genai.identity_share(
    p_dimension text, p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text, p_limit integer,
    p_share numeric DEFAULT 0.4
) RETURNS TABLE (
    name text, tenant text, cost_usd numeric, cost_share double precision, baseline_cost_usd numeric, delta_usd numeric,
    baseline_cost_share double precision, calls bigint, baseline_calls bigint, cost_per_request_usd numeric,
    success_ratio double precision, state text, spend text, before text, change text, unit_cost text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.name, s.tenant, s.k1 * 1e-12, s.share::float8, s.k0 * 1e-12, (s.k1 - s.k0) * 1e-12, s.share_before::float8,
        s.c1::bigint, s.c0::bigint, round(s.k1 * 1e-12 / nullif(s.priced, 0), 12),
        (s.successes / nullif(s.successes + s.errors, 0))::float8,
        CASE WHEN NOT genai.is_named(s.name) THEN 'unattributed'
            WHEN s.share >= p_share AND s.share >= 2 * coalesce(s.share_before, 0) THEN 'concentrated'
            WHEN s.c0 = 0 THEN 'new' WHEN s.c1 = 0 THEN 'gone' ELSE 'usual' END,
        genai.cost_text(s.k1 * 1e-12, s.unpriced > 0, s.c1), genai.cost_text(s.k0 * 1e-12, s.unpriced_before > 0, s.c0),
        genai.change_text((s.k1 - s.k0) * 1e-12, s.unpriced + s.unpriced_before > 0),
        genai.cost_text(round(s.k1 * 1e-12 / nullif(s.priced, 0), 12), false, s.c1)
    FROM (
        SELECT x.*, x.k1 / nullif(sum(x.k1) OVER (), 0) AS share, x.k0 / nullif(sum(x.k0) OVER (), 0) AS share_before
        FROM (
            SELECT CASE p_dimension WHEN 'user' THEN u.user_id ELSE u.tenant_id END AS name, min(u.tenant_id) AS tenant,
                sum(u.cost_pico_usd * u.side) AS k1, sum(u.cost_pico_usd * (1 - u.side)) AS k0,
                sum(u.calls * u.side) AS c1, sum(u.calls * (1 - u.side)) AS c0,
                sum(genai.unit_count(false, u.requests, u.calls, u.unpriced_calls, 0) * u.side) AS priced,
                sum(u.unpriced_calls * u.side) AS unpriced, sum(u.unpriced_calls * (1 - u.side)) AS unpriced_before,
                sum(u.successes * u.side) AS successes, sum(u.errors * u.side) AS errors
            FROM genai.spend_of_both(
                p_from, p_to, p_baseline, p_env, p_data_mode, p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant,
                p_model, p_service) u
            GROUP BY 1
        ) x
    ) s
    ORDER BY s.k1 DESC, s.c1 DESC, s.name
    LIMIT p_limit
$$;

-- How much of the spend one tenant and one user make, and how much is unattributed. Always one row.
CREATE FUNCTION genai.concentration(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text)
RETURNS TABLE (
    top_tenant text, top_tenant_share double precision, top_user text, top_user_share double precision,
    no_tenant_share double precision, no_user_share double precision, tenants bigint, users bigint
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH used AS MATERIALIZED (
        SELECT u.tenant_id, u.user_id, sum(u.cost_pico_usd) AS cost
        FROM genai.spend_of_both(
            p_from, p_to, NULL, p_env, p_data_mode, 'user', p_endpoint, NULL, NULL, NULL, NULL, NULL) u
        GROUP BY u.tenant_id, u.user_id
    ), total AS (SELECT nullif(sum(u.cost), 0) AS cost FROM used u)
    SELECT t.name, (t.cost / total.cost)::float8, s.name, (s.cost / total.cost)::float8,
        (SELECT coalesce(sum(u.cost), 0) FROM used u WHERE NOT genai.is_named(u.tenant_id))::float8 / total.cost::float8,
        (SELECT coalesce(sum(u.cost), 0) FROM used u WHERE NOT genai.is_named(u.user_id))::float8 / total.cost::float8,
        (SELECT count(DISTINCT u.tenant_id) FROM used u WHERE genai.is_named(u.tenant_id)),
        (SELECT count(DISTINCT u.user_id) FROM used u WHERE genai.is_named(u.user_id))
    FROM total
    LEFT JOIN LATERAL (
        SELECT u.tenant_id AS name, sum(u.cost) AS cost FROM used u WHERE genai.is_named(u.tenant_id)
        GROUP BY u.tenant_id ORDER BY sum(u.cost) DESC, u.tenant_id LIMIT 1
    ) t ON true
    LEFT JOIN LATERAL (
        SELECT u.user_id AS name, sum(u.cost) AS cost FROM used u WHERE genai.is_named(u.user_id)
        GROUP BY u.user_id ORDER BY sum(u.cost) DESC, u.user_id LIMIT 1
    ) s ON true
$$;

-- The windows that a comparison really used.
CREATE FUNCTION genai.compared_windows(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS TABLE (what text, from_used timestamptz, to_used timestamptz) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'now', r.from_used, r.to_used
    FROM genai.window_ranges(p_from, p_to, genai.window_source(
        'endpoint', p_endpoint, p_prompt_version, p_user, p_tenant, p_service)) r
    UNION ALL
    SELECT 'baseline', r.from_used, r.to_used
    FROM genai.window_ranges(
        genai.baseline_from(p_from, p_to, p_baseline), genai.baseline_to(p_from, p_to, p_baseline),
        genai.window_source('endpoint', p_endpoint, p_prompt_version, p_user, p_tenant, p_service)) r
$$;

-- The terms as steps: a bar stands on `base_usd`; the first and the last are the two windows' spend.
CREATE FUNCTION genai.compare_waterfall(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS TABLE (place integer, step text, base_usd numeric, rise_usd numeric, fall_usd numeric, level_usd numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.place, s.step,
        CASE WHEN s.is_level THEN 0 ELSE least(s.reached - s.usd, s.reached) END,
        CASE WHEN NOT s.is_level THEN greatest(s.usd, 0) END, CASE WHEN NOT s.is_level THEN greatest(-s.usd, 0) END,
        CASE WHEN s.is_level THEN s.usd END
    FROM (
        SELECT v.place, v.step, v.usd, v.is_level,
            sum(CASE WHEN v.place = 9 THEN 0 ELSE v.usd END) OVER (ORDER BY v.place) AS reached
        FROM genai.compare(
            p_from, p_to, p_baseline, p_env, p_data_mode, 'endpoint', p_endpoint, p_prompt_version, p_user, p_tenant,
            p_model, NULL, p_service, 0) t
        CROSS JOIN LATERAL (VALUES
            (1, 'before', t.baseline_cost_usd, true), (2, 'volume', t.volume_usd, false),
            (3, 'attempts', t.attempts_usd, false), (4, 'mix', t.mix_usd, false), (5, 'tokens', t.tokens_usd, false),
            (6, 'price', t.price_usd, false), (7, 'new', t.new_usd, false), (8, 'gone', t.gone_usd, false),
            (9, 'now', t.cost_usd, true)
        ) v (place, step, usd, is_level)
        WHERE t.is_total
    ) s
    ORDER BY s.place
$$;

-- What a request and a success took, before and now; as texts a count, money, a share, a plain number or seconds.
CREATE FUNCTION genai.compare_vitals(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_dimension text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS TABLE (
    place integer, figure text, before double precision, now double precision, ratio double precision, before_text text,
    now_text text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.place, v.figure, v.before, v.now,
        CASE WHEN genai.is_comparable(t.baseline_calls, t.calls) THEN v.now / nullif(v.before, 0) END,
        CASE WHEN t.baseline_calls > 0 THEN genai.figure_text(v.kind, v.before) ELSE '–' END,
        CASE WHEN t.calls > 0 THEN genai.figure_text(v.kind, v.now) ELSE '–' END
    FROM genai.compare(
        p_from, p_to, p_baseline, p_env, p_data_mode, p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant,
        p_model, NULL, p_service, 0) t
    CROSS JOIN LATERAL (VALUES
        (1, 'count', 'requests', t.baseline_requests::float8, t.requests::float8),
        (2, 'count', 'calls', t.baseline_calls::float8, t.calls::float8),
        (3, 'usd', 'cost per request', t.baseline_cost_per_request_usd::float8, t.cost_per_request_usd::float8),
        (4, 'count', 'tokens per request', t.baseline_tokens_per_request, t.tokens_per_request),
        (5, 'share', 'success', t.baseline_success_ratio, t.success_ratio),
        (6, 'number', 'calls per success', t.baseline_attempts_per_success, t.attempts_per_success),
        (7, 'usd', 'wasted on calls without success', t.baseline_wasted_usd::float8, t.wasted_usd::float8),
        (8, 'seconds', 'latency p50', t.baseline_p50_ms / 1e3, t.p50_ms / 1e3),
        (9, 'seconds', 'latency p95', t.baseline_p95_ms / 1e3, t.p95_ms / 1e3),
        (10, 'count', 'calls without a price', t.baseline_unpriced_calls::float8, t.unpriced_calls::float8),
        (11, 'count', 'calls with uncertain usage', t.baseline_uncertain_calls::float8, t.uncertain_calls::float8)
    ) v (place, kind, figure, before, now)
    WHERE t.is_total
    ORDER BY v.place
$$;

-- Options of the focus variables: what was seen in the range, '*' for all first.
CREATE FUNCTION genai.focus_values(
    p_dimension text, p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text
) RETURNS TABLE ("__text" text, "__value" text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE o.value WHEN '*' THEN 'all' ELSE genai.short_name(p_dimension, o.value) END, o.value
    FROM (
        SELECT '*' AS value, 0 AS place
        UNION ALL
        SELECT v.value, 1
        FROM (
            SELECT CASE p_dimension WHEN 'endpoint' THEN s.endpoint_tag WHEN 'prompt_version' THEN s.prompt_version
                    WHEN 'model' THEN s.model ELSE s.service_name END AS value
            FROM genai.series_seen s
            WHERE p_dimension IN ('endpoint', 'prompt_version', 'model', 'service')
                AND (p_env = '*' OR s.environment = ANY (string_to_array(p_env, ',')))
                AND (p_data_mode = '*' OR s.data_mode = p_data_mode)
                AND s.last_seen >= date_bin('1 hour', p_from, 'epoch') AND s.first_seen < p_to
            UNION
            SELECT CASE p_dimension WHEN 'tenant' THEN i.tenant_id ELSE i.user_id END
            FROM genai.identity i
            WHERE p_dimension IN ('tenant', 'user')
        ) v
    ) o
    GROUP BY o.value, o.place
    ORDER BY o.place, o.value
    LIMIT 501
$$;
