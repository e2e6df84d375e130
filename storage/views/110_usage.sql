-- What a window used, exactly (LEDGER §9), for any dimension and filters: the rows that `compare` stands on.

-- Which level has the dimension and the filters of a question: `series` (hours, minutes), `identity` (days, hours),
-- `identity_hour` (hours only, for folded days have no endpoint) or only `calls`.
CREATE FUNCTION genai.window_source(
    p_dimension text, p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_service text
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_dimension NOT IN ('user', 'tenant') AND coalesce(p_user, '*') = '*' AND coalesce(p_tenant, '*') = '*'
            THEN 'series'
        WHEN p_dimension IN ('prompt_version', 'service') OR coalesce(p_prompt_version, '*') <> '*'
            OR coalesce(p_service, '*') <> '*' THEN 'calls'
        WHEN p_dimension = 'endpoint' OR coalesce(p_endpoint, '*') <> '*' THEN 'identity_hour'
        ELSE 'identity'
    END
$$;

-- From where on a window can be answered from the hours by identity and, before these, from calls.
CREATE FUNCTION genai.identity_hour_cut(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (from_used timestamptz, to_used timestamptz, hours_from timestamptz, hours_to timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH kept AS MATERIALIZED (
        SELECT max(f.time) FILTER (WHERE f.level = 'raw') AS raw,
            max(f.time) FILTER (WHERE f.level = 'identity_hour') AS hour
        FROM genai.floor f
    ), used AS MATERIALIZED (
        SELECT k.hour,
            CASE WHEN p_from >= k.raw THEN p_from
                ELSE greatest(date_bin('1 hour', p_from, 'epoch'), least(k.hour, k.raw)) END AS from_used,
            CASE WHEN date_bin('1 hour', p_to, 'epoch') >= k.raw THEN p_to
                ELSE date_bin('1 hour', p_to + interval '3599.999999 seconds', 'epoch') END AS to_used
        FROM kept k
    ), whole AS MATERIALIZED (
        SELECT u.from_used, greatest(u.from_used, u.to_used) AS to_used,
            greatest(date_bin('1 hour', u.from_used + interval '3599.999999 seconds', 'epoch'), u.hour) AS hour_up,
            date_bin('1 hour', u.to_used, 'epoch') AS hour_down
        FROM used u
    )
    SELECT w.from_used, w.to_used, least(w.hour_up, w.to_used), greatest(w.hour_down, least(w.hour_up, w.to_used))
    FROM whole w
$$;

-- The ranges that answer [p_from, p_to): calls [from_used, minutes_from), minutes to hours_from, hours to hours_to,
-- minutes to minutes_to, calls to to_used; by identity days and calls stand before the hours. Equal ends are empty.
CREATE FUNCTION genai.window_ranges(p_from timestamptz, p_to timestamptz, p_source text)
RETURNS TABLE (
    from_used timestamptz, to_used timestamptz, hours_from timestamptz, hours_to timestamptz,
    minutes_from timestamptz, minutes_to timestamptz, days_from timestamptz, days_to timestamptz
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.from_used, c.to_used, c.hours_from, c.hours_to, c.minutes_from, c.minutes_to,
        NULL::timestamptz, NULL::timestamptz
    FROM genai.window_cut(p_from, p_to) c WHERE p_source = 'series'
    UNION ALL
    SELECT c.from_used, c.to_used, c.hours_from, c.hours_to, NULL, NULL, c.days_from, c.days_to
    FROM genai.identity_cut(p_from, p_to) c WHERE p_source = 'identity'
    UNION ALL
    SELECT c.from_used, c.to_used, c.hours_from, c.hours_to, NULL, NULL, c.from_used, c.from_used
    FROM genai.identity_hour_cut(p_from, p_to) c WHERE p_source = 'identity_hour'
    UNION ALL
    SELECT greatest(p_from, f.time), greatest(p_to, f.time), greatest(p_to, f.time), greatest(p_to, f.time),
        NULL, NULL, greatest(p_from, f.time), greatest(p_from, f.time)
    FROM genai.floor f WHERE p_source = 'calls' AND f.level = 'raw'
$$;

-- The series that a question is about. A filter is NULL or '*' for all; `p_env` may list several, with commas.
CREATE FUNCTION genai.series_of(
    p_env text, p_data_mode text, p_endpoint text, p_prompt_version text, p_model text, p_provider text,
    p_service text
) RETURNS TABLE (
    id bigint, service_name text, endpoint_tag text, prompt_version text, provider text, model text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.id, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model
    FROM genai.series s
    WHERE (coalesce(p_env, '*') = '*' OR s.environment = ANY (string_to_array(p_env, ',')))
        AND (coalesce(p_data_mode, '*') = '*' OR s.data_mode = p_data_mode)
        AND (coalesce(p_endpoint, '*') = '*' OR s.endpoint_tag = p_endpoint)
        AND (coalesce(p_prompt_version, '*') = '*' OR s.prompt_version = p_prompt_version)
        AND (coalesce(p_model, '*') = '*' OR s.model = p_model)
        AND (coalesce(p_provider, '*') = '*' OR s.provider = p_provider)
        AND (coalesce(p_service, '*') = '*' OR s.service_name = p_service)
$$;

CREATE FUNCTION genai.identity_of(p_user text, p_tenant text)
RETURNS TABLE (id bigint, tenant_id text, user_id text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT i.id, i.tenant_id, i.user_id
    FROM genai.identity i
    WHERE (coalesce(p_user, '*') = '*' OR i.user_id = p_user)
        AND (coalesce(p_tenant, '*') = '*' OR i.tenant_id = p_tenant)
$$;

-- The usage of [p_from, p_to): several rows per series and, where the question needs it, identity. `segment` is the
-- value of the dimension: endpoint, prompt_version, user, tenant, model, provider or service.
--
-- Counts are summed in bigint, money in numeric: in bigint a window of nine million dollars would be an error.
-- Hours are summed apart from the edges, straight from the scan: every layer between costs as much as the sum.
-- Bounds by the parameters let the planner see how much it reads; what only the plan knows stands in a CASE, since
-- as a plain condition it would count again and the estimate would be 200 times too low. The sums are materialized:
-- on tables without statistics a join could otherwise compute them once per series.
CREATE FUNCTION genai.usage_of(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_dimension text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS TABLE (
    segment text, endpoint_tag text, prompt_version text, provider text, model text, tenant_id text, user_id text,
    calls numeric, requests numeric, successes numeric, errors numeric, input_tokens numeric, output_tokens
    numeric, cache_read_tokens numeric, cache_write_tokens numeric, input_cost_pico_usd numeric,
    cache_read_cost_pico_usd numeric, cache_write_cost_pico_usd numeric, output_cost_pico_usd numeric,
    other_cost_pico_usd numeric, wasted_cost_pico_usd numeric, unpriced_calls numeric, uncertain_calls numeric,
    error_without_usage_calls numeric, latency_b00 numeric, latency_b01 numeric, latency_b02 numeric,
    latency_b03 numeric, latency_b04 numeric, latency_b05 numeric, latency_b06 numeric, latency_b07 numeric,
    latency_b08 numeric, latency_b09 numeric, latency_b10 numeric, latency_b11 numeric, latency_b12 numeric,
    latency_b13 numeric, latency_b14 numeric, latency_b15 numeric, latency_b16 numeric, latency_b17 numeric,
    latency_b18 numeric, latency_b19 numeric, latency_b20 numeric, latency_b21 numeric, latency_b22 numeric,
    latency_b23 numeric,
    cost_pico_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH plan AS MATERIALIZED (
        SELECT r.* FROM genai.window_ranges(p_from, p_to, genai.window_source(
            p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service)) r
    ), total (
        series_id, identity_id,
        calls, requests, successes, errors, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
        input_cost_pico_usd, cache_read_cost_pico_usd, cache_write_cost_pico_usd, output_cost_pico_usd,
        other_cost_pico_usd, wasted_cost_pico_usd, unpriced_calls, uncertain_calls, error_without_usage_calls,
        latency_b00, latency_b01, latency_b02, latency_b03, latency_b04, latency_b05, latency_b06, latency_b07,
        latency_b08, latency_b09, latency_b10, latency_b11, latency_b12, latency_b13, latency_b14, latency_b15,
        latency_b16, latency_b17, latency_b18, latency_b19, latency_b20, latency_b21, latency_b22, latency_b23
    ) AS MATERIALIZED (
        SELECT u.series_id, NULL::bigint,
            genai.total(u.calls), genai.total(u.requests), genai.total(u.successes), genai.total(u.errors),
            genai.total(u.input_tokens), genai.total(u.output_tokens), genai.total(u.cache_read_tokens),
            genai.total(u.cache_write_tokens), sum(u.input_cost_pico_usd), sum(u.cache_read_cost_pico_usd),
            sum(u.cache_write_cost_pico_usd), sum(u.output_cost_pico_usd), sum(u.other_cost_pico_usd),
            sum(u.wasted_cost_pico_usd), genai.total(u.unpriced_calls), genai.total(u.uncertain_calls),
            genai.total(u.error_without_usage_calls), genai.total(u.latency_b00), genai.total(u.latency_b01),
            genai.total(u.latency_b02), genai.total(u.latency_b03), genai.total(u.latency_b04),
            genai.total(u.latency_b05), genai.total(u.latency_b06), genai.total(u.latency_b07),
            genai.total(u.latency_b08), genai.total(u.latency_b09), genai.total(u.latency_b10),
            genai.total(u.latency_b11), genai.total(u.latency_b12), genai.total(u.latency_b13),
            genai.total(u.latency_b14), genai.total(u.latency_b15), genai.total(u.latency_b16),
            genai.total(u.latency_b17), genai.total(u.latency_b18), genai.total(u.latency_b19),
            genai.total(u.latency_b20), genai.total(u.latency_b21), genai.total(u.latency_b22),
            genai.total(u.latency_b23)
        FROM genai.measured_hour u
        WHERE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) = 'series'
            AND u.bucket >= date_bin('1 hour', p_from, 'epoch') AND u.bucket < p_to + interval '1 hour'
            AND CASE WHEN u.bucket >= (SELECT p.hours_from FROM plan p) AND u.bucket < (SELECT p.hours_to FROM plan p)
                THEN coalesce(p_endpoint, p_prompt_version, p_model, p_provider, p_service, '*') = '*'
                    OR u.series_id IN (SELECT s.id FROM genai.series_of(
                        p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s) END
        GROUP BY u.series_id
        UNION ALL
        SELECT u.series_id, NULL::bigint,
            genai.total(u.calls), genai.total(u.requests), genai.total(u.successes), genai.total(u.errors),
            genai.total(u.input_tokens), genai.total(u.output_tokens), genai.total(u.cache_read_tokens),
            genai.total(u.cache_write_tokens), sum(u.input_cost_pico_usd), sum(u.cache_read_cost_pico_usd),
            sum(u.cache_write_cost_pico_usd), sum(u.output_cost_pico_usd), sum(u.other_cost_pico_usd),
            sum(u.wasted_cost_pico_usd), genai.total(u.unpriced_calls), genai.total(u.uncertain_calls),
            genai.total(u.error_without_usage_calls), genai.total(u.latency_b00), genai.total(u.latency_b01),
            genai.total(u.latency_b02), genai.total(u.latency_b03), genai.total(u.latency_b04),
            genai.total(u.latency_b05), genai.total(u.latency_b06), genai.total(u.latency_b07),
            genai.total(u.latency_b08), genai.total(u.latency_b09), genai.total(u.latency_b10),
            genai.total(u.latency_b11), genai.total(u.latency_b12), genai.total(u.latency_b13),
            genai.total(u.latency_b14), genai.total(u.latency_b15), genai.total(u.latency_b16),
            genai.total(u.latency_b17), genai.total(u.latency_b18), genai.total(u.latency_b19),
            genai.total(u.latency_b20), genai.total(u.latency_b21), genai.total(u.latency_b22),
            genai.total(u.latency_b23)
        FROM (
            SELECT m.* FROM genai.measured_minute m
            WHERE m.bucket >= (SELECT p.minutes_from FROM plan p) AND m.bucket < (SELECT p.hours_from FROM plan p)
            UNION ALL
            SELECT m.* FROM genai.measured_minute m
            WHERE m.bucket >= (SELECT p.hours_to FROM plan p) AND m.bucket < (SELECT p.minutes_to FROM plan p)
            UNION ALL
            SELECT m.* FROM genai.measured_call m
            WHERE m.bucket >= (SELECT p.from_used FROM plan p) AND m.bucket < (SELECT p.minutes_from FROM plan p)
            UNION ALL
            SELECT m.* FROM genai.measured_call m
            WHERE m.bucket >= (SELECT p.minutes_to FROM plan p) AND m.bucket < (SELECT p.to_used FROM plan p)
        ) u
        WHERE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) = 'series'
        GROUP BY u.series_id
        UNION ALL
        SELECT u.series_id, u.identity_id,
            genai.total(u.calls), genai.total(u.requests), genai.total(u.successes), genai.total(u.errors),
            genai.total(u.input_tokens), genai.total(u.output_tokens), genai.total(u.cache_read_tokens),
            genai.total(u.cache_write_tokens), sum(u.input_cost_pico_usd), sum(u.cache_read_cost_pico_usd),
            sum(u.cache_write_cost_pico_usd), sum(u.output_cost_pico_usd), sum(u.other_cost_pico_usd),
            sum(u.wasted_cost_pico_usd), genai.total(u.unpriced_calls), genai.total(u.uncertain_calls),
            genai.total(u.error_without_usage_calls), genai.total(u.latency_b00), genai.total(u.latency_b01),
            genai.total(u.latency_b02), genai.total(u.latency_b03), genai.total(u.latency_b04),
            genai.total(u.latency_b05), genai.total(u.latency_b06), genai.total(u.latency_b07),
            genai.total(u.latency_b08), genai.total(u.latency_b09), genai.total(u.latency_b10),
            genai.total(u.latency_b11), genai.total(u.latency_b12), genai.total(u.latency_b13),
            genai.total(u.latency_b14), genai.total(u.latency_b15), genai.total(u.latency_b16),
            genai.total(u.latency_b17), genai.total(u.latency_b18), genai.total(u.latency_b19),
            genai.total(u.latency_b20), genai.total(u.latency_b21), genai.total(u.latency_b22),
            genai.total(u.latency_b23)
        FROM genai.measured_identity_hour u
        WHERE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) <> 'series'
            AND u.bucket >= date_bin('1 hour', p_from, 'epoch') AND u.bucket < p_to + interval '1 hour'
            AND CASE WHEN u.bucket >= (SELECT p.hours_from FROM plan p) AND u.bucket < (SELECT p.hours_to FROM plan p)
                THEN u.series_id IN (SELECT s.id FROM genai.series_of(
                        p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s)
                    AND u.identity_id IN (SELECT i.id FROM genai.identity_of(p_user, p_tenant) i) END
        GROUP BY u.series_id, u.identity_id
        UNION ALL
        SELECT u.series_id, u.identity_id,
            genai.total(u.calls), genai.total(u.requests), genai.total(u.successes), genai.total(u.errors),
            genai.total(u.input_tokens), genai.total(u.output_tokens), genai.total(u.cache_read_tokens),
            genai.total(u.cache_write_tokens), sum(u.input_cost_pico_usd), sum(u.cache_read_cost_pico_usd),
            sum(u.cache_write_cost_pico_usd), sum(u.output_cost_pico_usd), sum(u.other_cost_pico_usd),
            sum(u.wasted_cost_pico_usd), genai.total(u.unpriced_calls), genai.total(u.uncertain_calls),
            genai.total(u.error_without_usage_calls), genai.total(u.latency_b00), genai.total(u.latency_b01),
            genai.total(u.latency_b02), genai.total(u.latency_b03), genai.total(u.latency_b04),
            genai.total(u.latency_b05), genai.total(u.latency_b06), genai.total(u.latency_b07),
            genai.total(u.latency_b08), genai.total(u.latency_b09), genai.total(u.latency_b10),
            genai.total(u.latency_b11), genai.total(u.latency_b12), genai.total(u.latency_b13),
            genai.total(u.latency_b14), genai.total(u.latency_b15), genai.total(u.latency_b16),
            genai.total(u.latency_b17), genai.total(u.latency_b18), genai.total(u.latency_b19),
            genai.total(u.latency_b20), genai.total(u.latency_b21), genai.total(u.latency_b22),
            genai.total(u.latency_b23)
        FROM (
            SELECT m.* FROM genai.measured_identity_day m
            WHERE m.bucket >= (SELECT p.days_from FROM plan p) AND m.bucket < (SELECT p.days_to FROM plan p)
            UNION ALL
            SELECT m.* FROM genai.measured_call m
            WHERE m.bucket >= (SELECT p.from_used FROM plan p) AND m.bucket < (SELECT p.days_from FROM plan p)
            UNION ALL
            SELECT m.* FROM genai.measured_call m
            WHERE m.bucket >= (SELECT p.days_to FROM plan p) AND m.bucket < (SELECT p.hours_from FROM plan p)
            UNION ALL
            SELECT m.* FROM genai.measured_call m
            WHERE m.bucket >= (SELECT p.hours_to FROM plan p) AND m.bucket < (SELECT p.to_used FROM plan p)
        ) u
        WHERE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) <> 'series'
            AND CASE WHEN u.bucket IS NOT NULL  -- hashed once; as a join it read the edges again for every series
                THEN u.series_id IN (SELECT s.id FROM genai.series_of(
                        p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s)
                    AND u.identity_id IN (SELECT i.id FROM genai.identity_of(p_user, p_tenant) i) END
        GROUP BY u.series_id, u.identity_id
    )
    SELECT
        CASE p_dimension
            WHEN 'endpoint' THEN s.endpoint_tag WHEN 'prompt_version' THEN s.prompt_version
            WHEN 'user' THEN i.user_id WHEN 'tenant' THEN i.tenant_id WHEN 'model' THEN s.model
            WHEN 'provider' THEN s.provider WHEN 'service' THEN s.service_name
        END,
        s.endpoint_tag, s.prompt_version, s.provider, s.model, i.tenant_id, i.user_id,
    coalesce(t.calls, 0), coalesce(t.requests, 0), coalesce(t.successes, 0), coalesce(t.errors, 0),
    coalesce(t.input_tokens, 0), coalesce(t.output_tokens, 0), coalesce(t.cache_read_tokens, 0),
    coalesce(t.cache_write_tokens, 0), coalesce(t.input_cost_pico_usd, 0), coalesce(t.cache_read_cost_pico_usd,
    0), coalesce(t.cache_write_cost_pico_usd, 0), coalesce(t.output_cost_pico_usd, 0),
    coalesce(t.other_cost_pico_usd, 0), coalesce(t.wasted_cost_pico_usd, 0), coalesce(t.unpriced_calls, 0),
    coalesce(t.uncertain_calls, 0), coalesce(t.error_without_usage_calls, 0), coalesce(t.latency_b00, 0),
    coalesce(t.latency_b01, 0), coalesce(t.latency_b02, 0), coalesce(t.latency_b03, 0), coalesce(t.latency_b04,
    0), coalesce(t.latency_b05, 0), coalesce(t.latency_b06, 0), coalesce(t.latency_b07, 0),
    coalesce(t.latency_b08, 0), coalesce(t.latency_b09, 0), coalesce(t.latency_b10, 0), coalesce(t.latency_b11,
    0), coalesce(t.latency_b12, 0), coalesce(t.latency_b13, 0), coalesce(t.latency_b14, 0),
    coalesce(t.latency_b15, 0), coalesce(t.latency_b16, 0), coalesce(t.latency_b17, 0), coalesce(t.latency_b18,
    0), coalesce(t.latency_b19, 0), coalesce(t.latency_b20, 0), coalesce(t.latency_b21, 0),
    coalesce(t.latency_b22, 0), coalesce(t.latency_b23, 0),
    coalesce(t.input_cost_pico_usd, 0) + coalesce(t.cache_read_cost_pico_usd, 0)
        + coalesce(t.cache_write_cost_pico_usd, 0) + coalesce(t.output_cost_pico_usd, 0)
        + coalesce(t.other_cost_pico_usd, 0)
    FROM total t
    JOIN genai.series_of(p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s
        ON s.id = t.series_id
    LEFT JOIN genai.identity i ON i.id = t.identity_id
$$;
