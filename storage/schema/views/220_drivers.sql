-- What the dashboards say about a change: its terms in words, whose it is, and the dashboard that looks closer.

-- The terms of a change, one row each, in the order of the walk, with the sum last (LEDGER §10).
CREATE FUNCTION genai.compare_terms(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS TABLE (place integer, term text, meaning text, usd numeric, share_of_delta double precision, amount text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.place, v.term, v.meaning, v.usd, (v.usd / nullif(t.delta_usd, 0))::float8, genai.change_text(v.usd)
    FROM genai.compare(
        p_from, p_to, p_baseline, p_env, p_data_mode, 'endpoint', p_endpoint, p_prompt_version, p_user, p_tenant,
        p_model, NULL, p_service, 0) t
    CROSS JOIN LATERAL (VALUES
        (1, 'volume', 'more or fewer requests', t.volume_usd),
        (2, 'attempts', 'calls per request (retries, agent steps)', t.attempts_usd),
        (3, 'mix', 'other models', t.mix_usd),
        (4, 'tokens: input', 'more or fewer input tokens for a call', t.input_tokens_usd),
        (5, 'tokens: cache read', 'more or fewer tokens read from the cache', t.cache_read_tokens_usd),
        (6, 'tokens: cache write', 'more or fewer tokens written to the cache', t.cache_write_tokens_usd),
        (7, 'tokens: output', 'longer or shorter answers', t.output_tokens_usd),
        (8, 'tokens: other', 'per-call fees and the like', t.other_tokens_usd),
        (9, 'price', 'another price for the same tokens', t.price_usd),
        (10, 'new', 'endpoints that are new in this window', t.new_usd),
        (11, 'gone', 'endpoints no longer present', t.gone_usd),
        (12, 'change', 'the sum of the terms, exactly', t.delta_usd)
    ) v (place, term, meaning, usd)
    WHERE t.is_total AND (v.usd <> 0 OR v.place IN (1, 12))
    ORDER BY v.place
$$;

-- What a combination is called in a panel, and the dashboard that looks at it.
CREATE FUNCTION genai.focus_of(p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text)
RETURNS TABLE (kind text, focus_uid text) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT v.kind, v.uid
    FROM (VALUES (1, 'prompt version', 'spanledger-prompts', p_prompt_version), (2, 'user', 'spanledger-users', p_user),
        (3, 'tenant', 'spanledger-users', p_tenant), (4, 'endpoint', 'spanledger-endpoints', p_endpoint),
        (5, 'model', 'spanledger-models', p_model), (6, 'service', 'spanledger-endpoints', p_service),
        (7, 'none', 'spanledger-endpoints', '')) v (place, kind, uid, value)
    WHERE v.value IS NOT NULL
    ORDER BY v.place LIMIT 1
$$;

-- Where a change is: first its drivers of spend, each with the whole combination as focus, then endpoints, prompt versions (with their endpoint), models, tenants and users by the size of their
-- change, `p_keep` of each. The focus columns are what a link sets: the row's value, the focus that is on already, else
-- '*'. With a focus on user or tenant the rows by endpoint, version and model are narrowed to it, too.
CREATE FUNCTION genai.change_by_focus(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text, p_keep integer DEFAULT 5
) RETURNS TABLE (
    kind text, name text, focus_uid text, endpoint text, prompt_version text, "user" text, tenant text, model text,
    service text, cost_usd numeric, baseline_cost_usd numeric, delta_usd numeric, delta_ratio double precision,
    share_of_delta double precision, calls bigint, baseline_calls bigint, cost_share double precision, spend text, before text,
    change text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH summed AS MATERIALIZED (
        SELECT CASE WHEN grouping(u.model) = 0 THEN 'model' WHEN grouping(u.prompt_version) = 0 THEN 'prompt version'
                ELSE 'endpoint' END AS kind,
            CASE WHEN grouping(u.model) = 0 THEN u.model WHEN grouping(u.prompt_version) = 0
                THEN u.endpoint_tag || ' · ' || u.prompt_version ELSE u.endpoint_tag END AS name,
            u.endpoint_tag AS endpoint, u.prompt_version, NULL AS "user", NULL AS tenant, u.model,
            coalesce(sum(u.cost_pico_usd) FILTER (WHERE u.side = 1), 0) AS k1,
            coalesce(sum(u.cost_pico_usd) FILTER (WHERE u.side = 0), 0) AS k0,
            coalesce(sum(u.calls) FILTER (WHERE u.side = 1), 0) AS c1,
            coalesce(sum(u.calls) FILTER (WHERE u.side = 0), 0) AS c0,
            coalesce(sum(u.unpriced_calls) FILTER (WHERE u.side = 1), 0) AS u1,
            coalesce(sum(u.unpriced_calls) FILTER (WHERE u.side = 0), 0) AS u0
        FROM genai.spend_of_both(
            p_from, p_to, p_baseline, p_env, p_data_mode, 'endpoint', p_endpoint, p_prompt_version, p_user, p_tenant,
            p_model, p_service) u
        GROUP BY GROUPING SETS ((u.endpoint_tag), (u.endpoint_tag, u.prompt_version), (u.model))
        UNION ALL
        SELECT CASE WHEN grouping(u.user_id) = 0 THEN 'user' ELSE 'tenant' END,
            CASE WHEN grouping(u.user_id) = 0 THEN u.user_id ELSE u.tenant_id END, NULL, NULL, u.user_id, u.tenant_id, NULL,
            coalesce(sum(u.cost_pico_usd) FILTER (WHERE u.side = 1), 0) AS k1,
            coalesce(sum(u.cost_pico_usd) FILTER (WHERE u.side = 0), 0) AS k0,
            coalesce(sum(u.calls) FILTER (WHERE u.side = 1), 0) AS c1,
            coalesce(sum(u.calls) FILTER (WHERE u.side = 0), 0) AS c0,
            coalesce(sum(u.unpriced_calls) FILTER (WHERE u.side = 1), 0) AS u1,
            coalesce(sum(u.unpriced_calls) FILTER (WHERE u.side = 0), 0) AS u0
        FROM genai.spend_of_both(
            p_from, p_to, p_baseline, p_env, p_data_mode, 'user', p_endpoint, p_prompt_version, p_user, p_tenant,
            p_model, p_service) u
        GROUP BY GROUPING SETS ((u.user_id), (u.tenant_id))
    ), total AS (
        SELECT sum(s.k1) AS k1, coalesce(sum(s.k1) - sum(s.k0), 0) AS delta FROM summed s WHERE s.kind = 'endpoint'
    ), placed AS (
        SELECT s.*,
            row_number() OVER (PARTITION BY s.kind ORDER BY abs(s.k1 - s.k0) DESC, s.k1 DESC, s.c1 DESC, s.name) AS place
        FROM summed s
    )
    SELECT r.kind, CASE r.kind WHEN 'user' THEN genai.short_name('user', r.name) ELSE r.name END, r.focus_uid,
        coalesce(r.endpoint, genai.panel_focus(p_endpoint)), coalesce(r.prompt_version, genai.panel_focus(p_prompt_version)),
        coalesce(r."user", genai.panel_focus(p_user)), coalesce(r.tenant, genai.panel_focus(p_tenant)),
        coalesce(r.model, genai.panel_focus(p_model)), coalesce(r.service, genai.panel_focus(p_service)),
        r.k1, r.k0, r.k1 - r.k0, ((r.k1 - r.k0) / nullif(r.k0, 0))::float8,
        ((r.k1 - r.k0) / nullif(t.delta * 1e-12, 0))::float8, r.c1::bigint, r.c0::bigint,
        (r.k1 / nullif(t.k1 * 1e-12, 0))::float8, genai.cost_text(r.k1, r.u1 > 0, r.c1), genai.cost_text(r.k0, r.u0 > 0, r.c0),
        genai.change_text(r.k1 - r.k0, r.u1 + r.u0 > 0)
    FROM (
        SELECT d.place, 'driver' AS kind, d.name, f.focus_uid, d.endpoint, d.prompt_version, d."user", d.tenant, d.model,
            d.service, d.cost_usd AS k1, d.baseline_cost_usd AS k0, d.calls AS c1, d.baseline_calls AS c0,
            d.unpriced_calls AS u1, 0 AS u0
        FROM genai.drivers(
            p_from, p_to, p_env, 'spend', p_baseline, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
            NULL, p_service, p_keep) d
        CROSS JOIN LATERAL genai.focus_of(d.endpoint, d.prompt_version, d."user", d.tenant, d.model, d.service) f
        UNION ALL
        SELECT NULL, p.kind, p.name, CASE p.kind WHEN 'endpoint' THEN 'spanledger-endpoints' WHEN 'model' THEN 'spanledger-models'
                WHEN 'prompt version' THEN 'spanledger-prompts' ELSE 'spanledger-users' END,
            p.endpoint, p.prompt_version, p."user", p.tenant, p.model, NULL, p.k1 * 1e-12, p.k0 * 1e-12, p.c1, p.c0, p.u1, p.u0
        FROM placed p
        WHERE p.place <= p_keep
    ) r
    CROSS JOIN total t
    ORDER BY r.place, abs(r.k1 - r.k0) DESC, r.kind, r.name
$$;

-- One row: the class of the change, its sentences, and the first driver with the dashboard and the focus of a single click:
-- of the cost per request where the class is about that, else of spend. An identity that the class names comes first; where
-- there is no driver, the endpoint that changed most; where nothing stands out, none.
CREATE FUNCTION genai.top_driver(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS TABLE (
    class text, kind text, name text, sentence text, focus_uid text, endpoint text, prompt_version text,
    "user" text, tenant text, model text, service text, delta_usd numeric, cost_usd numeric, baseline_cost_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH spike AS MATERIALIZED (
        SELECT c.*, c.class IN ('steady', 'too_little_data', 'no_baseline', 'moved_alike') AS is_without_driver,
            c.evidence -> CASE genai.measure_of(c.class) WHEN 'spend' THEN 'spend_driver' ELSE 'unit_driver' END AS driver
        FROM genai.classify(
            p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
            NULL, p_service) c
    ), driver AS (
        SELECT s.class, s.sentence, s.delta_usd, s.cost_usd, s.baseline_cost_usd, f.endpoint, f.prompt_version, f."user",
            f.tenant, f.model, f.service
        FROM spike s
        CROSS JOIN LATERAL jsonb_to_record(CASE
            -- The driver of a new version may say more of it: for whom, on which model.
            WHEN s.class = 'deploy' AND s.driver ->> 'prompt_version' = s.subject THEN s.driver
            WHEN jsonb_typeof(s.evidence -> 'focus') = 'object' THEN s.evidence -> 'focus'
            WHEN s.driver ->> 'name' IS NOT NULL THEN s.driver
            WHEN s.is_without_driver THEN '{}'
            ELSE jsonb_build_object('endpoint', s.evidence ->> 'top_endpoint') END
        ) f (endpoint text, prompt_version text, "user" text, tenant text, model text, service text)
    )
    SELECT d.class, k.kind,
        coalesce(nullif(concat_ws(' · ', d.endpoint, d.prompt_version, d.model, d.tenant, d.service, d."user"), ''), '—'),
        d.sentence, k.focus_uid,
        coalesce(d.endpoint, genai.panel_focus(p_endpoint)), coalesce(d.prompt_version, genai.panel_focus(p_prompt_version)),
        coalesce(d."user", genai.panel_focus(p_user)), coalesce(d.tenant, genai.panel_focus(p_tenant)),
        coalesce(d.model, genai.panel_focus(p_model)), coalesce(d.service, genai.panel_focus(p_service)),
        d.delta_usd, d.cost_usd, d.baseline_cost_usd
    FROM driver d
    CROSS JOIN LATERAL genai.focus_of(d.endpoint, d.prompt_version, d."user", d.tenant, d.model, d.service) k
    LIMIT 1
$$;
