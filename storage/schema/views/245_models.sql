-- Models and the prices that were used for them.

-- Models by spend, with what a call and a million tokens cost, and how many calls of the family succeeded: a failed call
-- names the model that was asked for, not the dated one that would have answered.
CREATE FUNCTION genai.models_used(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS TABLE (
    provider text, model text, cost_usd numeric, cost_share double precision, baseline_cost_usd numeric,
    delta_usd numeric, calls bigint, baseline_calls bigint, cost_per_call_usd numeric, usd_per_million_tokens numeric,
    cache_share double precision, unpriced_calls bigint, state text, family text, family_success_share double precision,
    spend text, before text, change text, unit_cost text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT m.provider, m.model, m.k1 * 1e-12, (m.k1 / nullif(sum(m.k1) OVER (), 0))::float8, m.k0 * 1e-12,
        (m.k1 - m.k0) * 1e-12, m.c1::bigint, m.c0::bigint, round(m.k1 * 1e-12 / nullif(m.priced, 0), 12),
        round(m.k1 * 1e-6 / nullif(m.tokens * sign(m.priced), 0), 6), (m.cached / nullif(m.input, 0))::float8, m.unpriced::bigint,
        CASE WHEN m.unpriced > 0 AND m.priced = 0 THEN 'no price' WHEN m.unpriced > 0 THEN 'partly without a price'
            WHEN m.c1 = 0 THEN 'gone' WHEN m.priced = 0 THEN 'refused' WHEN m.c0 = 0 THEN 'new' ELSE 'priced' END,
        m.family, (sum(m.succeeded) OVER of_family / nullif(sum(m.c1) OVER of_family, 0))::float8,
        genai.cost_text(m.k1 * 1e-12, m.unpriced > 0, m.c1), genai.cost_text(m.k0 * 1e-12, m.unpriced_before > 0, m.c0),
        genai.change_text((m.k1 - m.k0) * 1e-12, m.unpriced + m.unpriced_before > 0),
        genai.cost_text(round(m.k1 * 1e-12 / nullif(m.priced, 0), 12), false, m.priced + m.unpriced)
    FROM (
        SELECT u.provider, u.model, genai.model_family(u.model) AS family, sum(u.successes * u.side) AS succeeded,
            sum(u.cost_pico_usd * u.side) AS k1, sum(u.cost_pico_usd * (1 - u.side)) AS k0,
            sum(u.calls * u.side) AS c1, sum(u.calls * (1 - u.side)) AS c0, sum(u.unpriced_calls * u.side) AS unpriced,
            sum(u.unpriced_calls * (1 - u.side)) AS unpriced_before,
            sum(genai.unit_count(true, u.requests, u.calls, u.unpriced_calls, u.error_without_usage_calls) * u.side) AS priced,
            sum((u.input_tokens + u.output_tokens) * u.side) AS tokens, sum(u.cache_read_tokens * u.side) AS cached,
            sum(u.input_tokens * u.side) AS input
        FROM genai.usage_of_both(
            p_from, p_to, p_baseline, p_env, p_data_mode, 'model', p_endpoint, p_prompt_version, p_user, p_tenant,
            p_model, NULL, p_service) u
        GROUP BY u.provider, u.model
    ) m
    WINDOW of_family AS (PARTITION BY m.provider, m.family)
    ORDER BY m.k1 DESC, m.c1 DESC, m.provider, m.model
    LIMIT 50
$$;

-- Models without a price in the selection, over all hours that are kept, the latest first.
CREATE FUNCTION genai.unpriced_models(p_env text, p_data_mode text)
RETURNS TABLE (
    provider text, model text, environment text, data_mode text, first_seen timestamptz, last_seen timestamptz, calls bigint
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.provider, u.model, u.environment, u.data_mode, u.first_seen, u.last_seen, u.calls
    FROM genai.unpriced_model u
    WHERE (p_env = '*' OR u.environment = ANY (string_to_array(p_env, ',')))
        AND (p_data_mode = '*' OR u.data_mode = p_data_mode)
    ORDER BY u.last_seen DESC, u.calls DESC, u.provider, u.model
    LIMIT 50
$$;

-- The prices of the newest calls before `p_to` (at most 2,000 are read), by model, with the age of their last check.
CREATE FUNCTION genai.prices_used(p_to timestamptz, p_env text, p_data_mode text, p_model text)
RETURNS TABLE (
    model text, priced_as text, service_tier text, input_usd numeric, cache_read_usd numeric, output_usd numeric,
    calls bigint, source text, checked_at timestamptz, age_days double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.model, v.provider || '/' || v.model, coalesce(v.service_tier, 'standard'),
        (v.coefficients ->> 'input')::numeric * 1e-6, (v.coefficients ->> 'cache_read')::numeric * 1e-6,
        (v.coefficients ->> 'output')::numeric * 1e-6, c.calls, v.source, v.checked_at::timestamptz,
        extract(epoch FROM now() - v.checked_at)::float8 / 86400
    FROM (
        SELECT n.model, n.price_vector_id, count(*) AS calls
        FROM (
            SELECT m.model, m.price_vector_id, m.environment, m.data_mode FROM genai.model_call m
            WHERE m.time < p_to
            ORDER BY m.time DESC LIMIT 2000
        ) n
        WHERE n.price_vector_id IS NOT NULL AND (p_env = '*' OR n.environment = ANY (string_to_array(p_env, ',')))
            AND (p_data_mode = '*' OR n.data_mode = p_data_mode) AND (p_model = '*' OR n.model = p_model)
        GROUP BY n.model, n.price_vector_id
    ) c
    JOIN genai.price_vector v ON v.id = c.price_vector_id
    ORDER BY v.checked_at NULLS FIRST, c.calls DESC, c.model, v.service_tier
    LIMIT 50
$$;

-- The price map in use, and what it does not know. Always one row.
CREATE FUNCTION genai.pricing_state(p_env text, p_data_mode text)
RETURNS TABLE (
    base text, own_map text, loaded_at timestamptz, unpriced_models bigint, oldest_check timestamptz
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.base, CASE WHEN p.file_sha256 IS NULL THEN 'none' ELSE left(p.file_sha256, 12) END, p.loaded_at,
        (SELECT count(DISTINCT (u.provider, u.model)) FROM genai.unpriced_models(p_env, p_data_mode) u),
        (SELECT min(v.checked_at)::timestamptz FROM genai.price_vector v WHERE v.valid_to > now())
    FROM (SELECT 1) always
    LEFT JOIN (SELECT m.* FROM genai.price_map m ORDER BY m.loaded_at DESC LIMIT 1) p ON true
$$;
