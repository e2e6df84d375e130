-- A change as panels tell it: its two questions (LEDGER §25), each with its own dollars, driver and link.

-- What a combination is called.
CREATE FUNCTION genai.combination_text(p_driver jsonb) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(concat_ws(' · ', p_driver ->> 'endpoint', p_driver ->> 'prompt_version', p_driver ->> 'model',
        p_driver ->> 'tenant', p_driver ->> 'service', genai.short_name('user', p_driver ->> 'user')), '')
$$;

-- `A request of support.answer costs 30% more ($0.0061 → $0.0079), because answer_v8 writes twice as much.`
CREATE FUNCTION genai.deploy_line(p_deploy jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 'A request of ' || (p_deploy ->> 'endpoint_tag') || ' costs '
        || genai.factor_text((p_deploy ->> 'new_unit_usd')::numeric / (p_deploy ->> 'unit_usd')::numeric) || ' ('
        || genai.unit_text((p_deploy ->> 'unit_usd')::numeric) || ' → '
        || genai.unit_text((p_deploy ->> 'new_unit_usd')::numeric) || '), because '
        || coalesce(genai.deploy_reason(p_deploy), (p_deploy ->> 'prompt_version') || ' is new') || '.'
$$;

-- The sentences of a classified change, at most four: whom or what the class names and a new version that a larger cause hides
-- (`place` 0, dollars only where they are its own), then how many and how much each, the larger first; these two add up to the change. `driver` is a combination (json) or
-- NULL. A change that cannot be judged has one sentence.
CREATE FUNCTION genai.story_lines(p_class text, p_subject text, p_sentence text, e jsonb, p_delta numeric)
RETURNS TABLE (place integer, kind text, sentence text, usd numeric, driver jsonb)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH said AS (
        SELECT genai.volume_sentence(p_class, e) AS many,
            ltrim(genai.unit_sentence(CASE WHEN c.is_deploy THEN 'deploy' WHEN p_class = 'unknown_model' THEN 'unclear'
                ELSE p_class END, e)) AS each,
            genai.measure_of(p_class) = 'cost_per_request' AS is_about_each,
            p_class IN ('unknown_model', 'abuse', 'identity_concentration') AS is_named, c.is_deploy,
            (e ->> 'more_usd')::numeric AS more_usd, (e ->> 'unit_usd')::numeric AS unit_usd,
            jsonb_build_object('endpoint', e -> 'deploy' ->> 'endpoint_tag', 'prompt_version', e -> 'deploy' ->> 'prompt_version')
                AS deploy
        FROM (
            -- A new version that drives the cost of a request is told as such, whatever the whole is called.
            SELECT p_class = 'deploy' OR (e ->> 'unit_moved')::boolean
                AND (p_class <> 'retry_storm' OR (e ->> 'attempts_usd')::numeric * (e ->> 'unit_usd')::numeric < 0)
                AND e -> 'unit_driver' ->> 'endpoint' = e -> 'deploy' ->> 'endpoint_tag'
                AND e -> 'unit_driver' ->> 'prompt_version' = e -> 'deploy' ->> 'prompt_version' IS TRUE AS is_deploy
        ) c
    )
    SELECT l.place::integer, l.kind, l.sentence, l.usd, nullif(l.driver, 'null'::jsonb)
    FROM said s
    CROSS JOIN LATERAL (
        SELECT 0 AS place, p_class AS kind,
            replace(rtrim(left(p_sentence, length(p_sentence) - length(s.many) - length(genai.unit_sentence(p_class, e)))),
                p_subject, genai.short_name(CASE p_class WHEN 'unknown_model' THEN 'model' ELSE 'user' END, p_subject))
                AS sentence,
            CASE p_class WHEN 'identity_concentration'
                THEN (e -> 'cost_by' ->> 'k1')::numeric - (e -> 'cost_by' ->> 'k0')::numeric END AS usd,
            e -> 'focus' AS driver
        WHERE s.is_named
        UNION ALL
        SELECT 0, 'deploy', genai.deploy_line(e -> 'deploy'), genai.deploy_excess(e -> 'deploy'), s.deploy
        WHERE NOT s.is_deploy AND p_class NOT IN ('no_baseline', 'too_little_data', 'steady')
            AND genai.is_sure_deploy(e -> 'deploy', s.unit_usd)
        UNION ALL
        SELECT CASE WHEN abs(s.more_usd) >= abs(s.unit_usd) THEN 1 ELSE 3 END,
            CASE WHEN s.is_named OR s.is_about_each THEN 'requests' ELSE p_class END,
            CASE WHEN p_class = 'steady' THEN 'Steady. ' ELSE '' END || s.many, s.more_usd,
            CASE WHEN NOT (e ->> 'requests_moved')::boolean OR p_class IN ('steady', 'moved_alike') THEN NULL
                WHEN e -> 'spend_driver' ->> 'top_term' IN ('volume', 'new', 'gone') THEN e -> 'spend_driver'
                ELSE jsonb_build_object('endpoint', e ->> 'top_endpoint') END
        WHERE p_class NOT IN ('no_baseline', 'too_little_data') AND s.many <> ''
        UNION ALL
        SELECT 2, CASE WHEN s.is_deploy THEN 'deploy' WHEN s.is_about_each THEN p_class ELSE 'cost per request' END, s.each, s.unit_usd,
            CASE WHEN p_class = 'deploy' AND e -> 'unit_driver' ->> 'prompt_version' IS DISTINCT FROM p_subject
                THEN e -> 'focus' WHEN e -> 'unit_driver' ->> 'name' IS NOT NULL THEN e -> 'unit_driver'
                WHEN NOT (e ->> 'unit_moved')::boolean AND genai.is_small_deploy(e) THEN s.deploy END
        WHERE p_class NOT IN ('no_baseline', 'too_little_data') AND s.each <> ''
        UNION ALL
        SELECT 1, p_class, p_sentence, CASE p_class WHEN 'too_little_data' THEN p_delta END, NULL
        WHERE p_class IN ('no_baseline', 'too_little_data')
    ) l
$$;

-- The story of a window against its baseline, one row a sentence, each with the dashboard and the focus of one click; a
-- sentence without a driver leads to `p_home`. `class` is on every row.
CREATE FUNCTION genai.story(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text, p_home text DEFAULT 'spanledger-compare'
) RETURNS TABLE (
    place integer, class text, kind text, sentence text, delta_usd numeric, change text, name text, focus_uid text,
    endpoint text, prompt_version text, "user" text, tenant text, model text, service text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH spike AS MATERIALIZED (
        SELECT c.* FROM genai.classify(
            p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
            NULL, p_service) c
    )
    SELECT l.place, s.class, l.kind, l.sentence, l.usd, CASE WHEN l.usd IS NULL THEN '' ELSE genai.change_text(l.usd) END,
        CASE WHEN l.driver IS NULL AND p_home = 'spanledger-compare' THEN 'Compare'
            ELSE coalesce(genai.combination_text(l.driver), 'Endpoints') END,
        CASE WHEN l.driver IS NULL THEN p_home ELSE k.focus_uid END,
        coalesce(l.driver ->> 'endpoint', genai.panel_focus(p_endpoint)),
        coalesce(l.driver ->> 'prompt_version', genai.panel_focus(p_prompt_version)),
        coalesce(l.driver ->> 'user', genai.panel_focus(p_user)),
        coalesce(l.driver ->> 'tenant', genai.panel_focus(p_tenant)),
        coalesce(l.driver ->> 'model', genai.panel_focus(p_model)),
        coalesce(l.driver ->> 'service', genai.panel_focus(p_service))
    FROM spike s
    CROSS JOIN LATERAL genai.story_lines(s.class, s.subject, s.sentence, s.evidence, s.delta_usd) l
    CROSS JOIN LATERAL genai.focus_of(l.driver ->> 'endpoint', l.driver ->> 'prompt_version', l.driver ->> 'user',
        l.driver ->> 'tenant', l.driver ->> 'model', l.driver ->> 'service') k
    ORDER BY l.place
$$;

-- The built-in page /compare of a window, its selection and focus: its address and the word to click on, both '' without a
-- configured address of the pages (genai.setting public_url).
CREATE FUNCTION genai.compare_page(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS TABLE (page_url text, page_link text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(rtrim(s.address, '/') || '/compare?' || (
            SELECT string_agg(v.name || '=' || genai.url_text(v.value), '&' ORDER BY v.place)
            FROM (VALUES (1, 'from', round(extract(epoch FROM p_from) * 1000)::text),
                (2, 'to', round(extract(epoch FROM p_to) * 1000)::text), (3, 'baseline', p_baseline), (4, 'env', p_env),
                (5, 'data_mode', p_data_mode), (6, 'endpoint', p_endpoint), (7, 'prompt_version', p_prompt_version),
                (8, 'user', p_user), (9, 'tenant', p_tenant), (10, 'model', p_model), (11, 'service', p_service)
            ) v (place, name, value)
            WHERE v.place <= 5 OR v.value <> '*'), ''),
        CASE WHEN s.address IS NULL THEN '' ELSE 'page' END
    FROM (SELECT max(x.value) AS address FROM genai.setting x WHERE x.key = 'public_url' AND x.value <> '') s
$$;
