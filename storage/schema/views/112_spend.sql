-- ranges: storage/schema/measures.py
-- Spend and counts of a window and its baseline, by people too: a person's summed day is one row, without a series.

-- Which level a question is read from that asks for spend and counts only: `person` stands for `identity` where no model
-- narrows it, for then a person's days are one row each.
CREATE FUNCTION genai.spend_source(
    p_dimension text, p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) = 'identity'
            AND string_to_array(p_dimension, ',') <@ '{user,tenant}' AND coalesce(p_model, '*') = '*' THEN 'person'
        ELSE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service)
    END
$$;

-- What people spent: a row per identity and side, of all endpoints, versions, models and services. Rows are summed once, with
-- these few columns only: handed on they cost little, and a piece has few rows of each identity (measured: 0.88 of sums of
-- each piece that are added then).
CREATE FUNCTION genai.spend_of_people(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_user text, p_tenant text
) RETURNS TABLE (
    side integer, tenant_id text, user_id text, {calls..errors: # bigint}, unpriced_calls bigint, cost_pico_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH piece AS MATERIALIZED (
        SELECT w.* FROM genai.window_pieces(p_from, p_to, p_baseline, 'person') w
    ), wanted AS MATERIALIZED (
        SELECT s.id FROM genai.series_of(p_env, p_data_mode, NULL, NULL, NULL, NULL, NULL) s
    )
    SELECT t.side, i.tenant_id, i.user_id, {calls..errors: t.#}, t.unpriced_calls, t.cost
    FROM (
        SELECT u.side, u.identity_id, {calls..errors: genai.total(u.#) AS #}, genai.total(u.unpriced_calls) AS unpriced_calls,
            sum(u.cost) AS cost
        FROM (
            SELECT p.side, m.* FROM piece p CROSS JOIN LATERAL (
                SELECT m.identity_id, {calls..errors: m.#}, m.unpriced_calls, m.cost_pico_usd AS cost
                FROM genai.measured_person_week m
                WHERE m.bucket >= p.from_time AND m.bucket < p.to_time
                    AND ((SELECT coalesce(p_env, '*') = '*') OR m.environment = ANY ((SELECT string_to_array(p_env, ','))::text[]))
                    AND (coalesce(p_data_mode, '*') = '*' OR m.data_mode = p_data_mode)
                OFFSET 0
            ) m
            WHERE p.level = 'week'
            UNION ALL
            SELECT p.side, m.* FROM piece p CROSS JOIN LATERAL (
                SELECT m.identity_id, {calls..errors: m.#}, m.unpriced_calls, m.other_cost_pico_usd AS cost
                FROM genai.measured_person_day m
                WHERE m.bucket >= p.from_time AND m.bucket < p.to_time
                    AND ((SELECT coalesce(p_env, '*') = '*') OR m.environment = ANY ((SELECT string_to_array(p_env, ','))::text[]))
                    AND (coalesce(p_data_mode, '*') = '*' OR m.data_mode = p_data_mode)
                OFFSET 0
            ) m
            WHERE p.level = 'day'
            UNION ALL
            SELECT p.side, m.* FROM piece p CROSS JOIN LATERAL (
                SELECT m.identity_id, {calls..errors: m.#}, m.unpriced_calls, {input_cost_pico_usd..other_cost_pico_usd+ coalesce(m.#, 0)} AS cost
                FROM genai.measured_identity_hour m
                WHERE m.bucket >= p.from_time AND m.bucket < p.to_time
                    AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
                OFFSET 0
            ) m
            WHERE p.level = 'hour'
            UNION ALL
            SELECT p.side, m.* FROM piece p CROSS JOIN LATERAL (
                SELECT m.identity_id, {calls..errors: m.#}, m.unpriced_calls, {input_cost_pico_usd..other_cost_pico_usd+ coalesce(m.#, 0)} AS cost
                FROM genai.measured_identity_day m
                WHERE m.bucket >= p.from_time AND m.bucket < p.to_time
                    AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
                OFFSET 0
            ) m
            WHERE p.level = 'folded'
            UNION ALL
            SELECT p.side, m.* FROM piece p CROSS JOIN LATERAL (
                SELECT m.identity_id, {calls..errors: m.#}, m.unpriced_calls, {input_cost_pico_usd..other_cost_pico_usd+ coalesce(m.#, 0)} AS cost
                FROM genai.measured_call m
                WHERE m.bucket >= p.from_time AND m.bucket < p.to_time
                    AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
                OFFSET 0
            ) m
            WHERE p.level = 'call'
        ) u
        GROUP BY u.side, u.identity_id
    ) t
    LEFT JOIN genai.identity i ON i.id = t.identity_id
    WHERE (coalesce(p_user, '*') = '*' OR i.user_id = p_user) AND (coalesce(p_tenant, '*') = '*' OR i.tenant_id = p_tenant)
$$;

-- Spend and counts of a window and its baseline; by the dimensions user and tenant the other labels may be NULL.
CREATE FUNCTION genai.spend_of_both(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_dimension text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text,
    p_provider text DEFAULT NULL
) RETURNS TABLE (
    side integer, segment text, endpoint_tag text, prompt_version text, provider text, model text, tenant_id text,
    user_id text, calls numeric, requests numeric, successes numeric, errors numeric, unpriced_calls numeric,
    cost_pico_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.side, u.segment, u.endpoint_tag, u.prompt_version, u.provider, u.model, u.tenant_id, u.user_id, u.calls,
        u.requests, u.successes, u.errors, u.unpriced_calls, u.cost_pico_usd
    FROM genai.sums_of(
        p_from, p_to, p_baseline, p_env, p_data_mode, p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant,
        p_model, p_provider, p_service, CASE
            WHEN genai.spend_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service) = 'person'
                AND coalesce(p_provider, '*') = '*' THEN 'none'
            ELSE genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) END) u
    UNION ALL
    SELECT u.side, genai.segment_of(p_dimension, NULL, NULL, u.user_id, u.tenant_id, NULL, NULL, NULL), NULL, NULL, NULL, NULL,
        u.tenant_id, u.user_id, {calls..errors: coalesce(u.#, 0)}, coalesce(u.unpriced_calls, 0), u.cost_pico_usd
    FROM (
        SELECT p.* FROM genai.spend_of_people(p_from, p_to, p_baseline, p_env, p_data_mode, p_user, p_tenant) p OFFSET 0) u
    WHERE genai.spend_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service) = 'person'
        AND coalesce(p_provider, '*') = '*'
$$;
