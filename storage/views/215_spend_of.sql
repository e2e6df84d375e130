-- As genai.usage_of, for panels that show only spend and counts: seven sums instead of forty-four, which is what takes
-- its time where many identities are grouped. Exact windows by the same ranges (LEDGER §9).
CREATE FUNCTION genai.spend_of(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_dimension text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS TABLE (
    endpoint_tag text, prompt_version text, provider text, model text, service_name text, tenant_id text, user_id text,
    calls numeric, requests numeric, successes numeric, errors numeric, unpriced_calls numeric, cost_pico_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH plan AS MATERIALIZED (
        SELECT r.* FROM genai.window_ranges(p_from, p_to, genai.window_source(
            p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service)) r
    ), total AS MATERIALIZED (
        SELECT u.series_id, u.identity_id, genai.total(u.calls) AS calls, genai.total(u.requests) AS requests,
            genai.total(u.successes) AS successes, genai.total(u.errors) AS errors,
            genai.total(u.unpriced_calls) AS unpriced_calls,
            sum(coalesce(u.input_cost_pico_usd, 0) + coalesce(u.cache_read_cost_pico_usd, 0)
                + coalesce(u.cache_write_cost_pico_usd, 0) + coalesce(u.output_cost_pico_usd, 0)
                + coalesce(u.other_cost_pico_usd, 0)) AS cost
        FROM (
            SELECT h.series_id, h.identity_id, h.calls, h.requests, h.successes, h.errors, h.unpriced_calls,
                h.input_cost_pico_usd, h.cache_read_cost_pico_usd, h.cache_write_cost_pico_usd, h.output_cost_pico_usd,
                h.other_cost_pico_usd
            FROM genai.measured_hour h
            WHERE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) = 'series'
                AND h.bucket >= date_bin('1 hour', p_from, 'epoch') AND h.bucket < p_to + interval '1 hour'
                AND CASE WHEN h.bucket >= (SELECT p.hours_from FROM plan p) THEN h.bucket < (SELECT p.hours_to FROM plan p) END
            UNION ALL
            SELECT h.series_id, h.identity_id, h.calls, h.requests, h.successes, h.errors, h.unpriced_calls,
                h.input_cost_pico_usd, h.cache_read_cost_pico_usd, h.cache_write_cost_pico_usd, h.output_cost_pico_usd,
                h.other_cost_pico_usd
            FROM genai.measured_identity_hour h
            WHERE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) <> 'series'
                AND h.bucket >= date_bin('1 hour', p_from, 'epoch') AND h.bucket < p_to + interval '1 hour'
                AND CASE WHEN h.bucket >= (SELECT p.hours_from FROM plan p) THEN h.bucket < (SELECT p.hours_to FROM plan p) END
            UNION ALL
            SELECT m.series_id, m.identity_id, m.calls, m.requests, m.successes, m.errors, m.unpriced_calls,
                m.input_cost_pico_usd, m.cache_read_cost_pico_usd, m.cache_write_cost_pico_usd, m.output_cost_pico_usd,
                m.other_cost_pico_usd
            FROM genai.measured_minute m
            WHERE m.bucket >= (SELECT p.minutes_from FROM plan p) AND m.bucket < (SELECT p.hours_from FROM plan p)
                AND genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) = 'series'
            UNION ALL
            SELECT m.series_id, m.identity_id, m.calls, m.requests, m.successes, m.errors, m.unpriced_calls,
                m.input_cost_pico_usd, m.cache_read_cost_pico_usd, m.cache_write_cost_pico_usd, m.output_cost_pico_usd,
                m.other_cost_pico_usd
            FROM genai.measured_minute m
            WHERE m.bucket >= (SELECT p.hours_to FROM plan p) AND m.bucket < (SELECT p.minutes_to FROM plan p)
                AND genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) = 'series'
            UNION ALL
            SELECT d.series_id, d.identity_id, d.calls, d.requests, d.successes, d.errors, d.unpriced_calls,
                d.input_cost_pico_usd, d.cache_read_cost_pico_usd, d.cache_write_cost_pico_usd, d.output_cost_pico_usd,
                d.other_cost_pico_usd
            FROM genai.measured_identity_day d
            WHERE d.bucket >= (SELECT p.days_from FROM plan p) AND d.bucket < (SELECT p.days_to FROM plan p)
                AND genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) <> 'series'
            UNION ALL
            -- Single calls: before what comes first in the plan, between days and hours, and at the end.
            SELECT c.series_id, c.identity_id, c.calls, c.requests, c.successes, c.errors, c.unpriced_calls,
                c.input_cost_pico_usd, c.cache_read_cost_pico_usd, c.cache_write_cost_pico_usd, c.output_cost_pico_usd,
                c.other_cost_pico_usd
            FROM genai.measured_call c
            WHERE c.bucket >= (SELECT p.from_used FROM plan p)
                AND c.bucket < (SELECT coalesce(p.minutes_from, p.days_from) FROM plan p)
            UNION ALL
            SELECT c.series_id, c.identity_id, c.calls, c.requests, c.successes, c.errors, c.unpriced_calls,
                c.input_cost_pico_usd, c.cache_read_cost_pico_usd, c.cache_write_cost_pico_usd, c.output_cost_pico_usd,
                c.other_cost_pico_usd
            FROM genai.measured_call c
            WHERE c.bucket >= (SELECT p.days_to FROM plan p) AND c.bucket < (SELECT p.hours_from FROM plan p)
            UNION ALL
            SELECT c.series_id, c.identity_id, c.calls, c.requests, c.successes, c.errors, c.unpriced_calls,
                c.input_cost_pico_usd, c.cache_read_cost_pico_usd, c.cache_write_cost_pico_usd, c.output_cost_pico_usd,
                c.other_cost_pico_usd
            FROM genai.measured_call c
            WHERE c.bucket >= (SELECT coalesce(p.minutes_to, p.hours_to) FROM plan p)
                AND c.bucket < (SELECT p.to_used FROM plan p)
        ) u
        GROUP BY u.series_id, u.identity_id
    )
    SELECT s.endpoint_tag, s.prompt_version, s.provider, s.model, s.service_name, i.tenant_id, i.user_id,
        coalesce(t.calls, 0), coalesce(t.requests, 0), coalesce(t.successes, 0), coalesce(t.errors, 0),
        coalesce(t.unpriced_calls, 0), t.cost
    FROM total t
    JOIN genai.series_of(p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, NULL, p_service) s
        ON s.id = t.series_id
    LEFT JOIN genai.identity i ON i.id = t.identity_id
    WHERE (coalesce(p_user, '*') = '*' OR i.user_id = p_user) AND (coalesce(p_tenant, '*') = '*' OR i.tenant_id = p_tenant)
$$;

-- A window (`side` 1) and its baseline (0).
CREATE FUNCTION genai.spend_of_both(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_dimension text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS TABLE (
    side integer, endpoint_tag text, prompt_version text, provider text, model text, service_name text, tenant_id text,
    user_id text, calls numeric, requests numeric, successes numeric, errors numeric, unpriced_calls numeric,
    cost_pico_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 1, u.*
    FROM genai.spend_of(
        p_from, p_to, p_env, p_data_mode, p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
        p_service) u
    UNION ALL
    SELECT 0, u.*
    FROM genai.spend_of(
        genai.baseline_from(p_from, p_to, p_baseline), genai.baseline_to(p_from, p_to, p_baseline), p_env, p_data_mode,
        p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service) u
$$;
