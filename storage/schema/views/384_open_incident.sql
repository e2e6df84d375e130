-- From a dashboard to the incident that is open for what it shows.

-- The newest incident that is not closed and whose driver fits a focus: no dimension says otherwise, and one says the same
-- (`p_own`: just that one). '*' is no choice. No row where there is none.
CREATE FUNCTION genai.open_incident(
    p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text, p_user text, p_tenant text,
    p_model text, p_service text, p_own text DEFAULT NULL
) RETURNS TABLE (id bigint, state text, title text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT i.id, i.state, i.title
    FROM genai.incident i
    CROSS JOIN LATERAL (
        SELECT bool_and(f.asked = f.its) AS fits, bool_or(f.name = coalesce(p_own, f.name)) AS is_named
        FROM (VALUES ('endpoint', p_endpoint, i.endpoint_tag), ('prompt_version', p_prompt_version, i.prompt_version),
            ('user', p_user, i.user_id), ('tenant', p_tenant, i.tenant_id), ('model', p_model, i.model),
            ('service', p_service, i.service_name)) f (name, asked, its)
        WHERE f.asked <> '*' AND f.its IS NOT NULL
    ) f
    WHERE i.state <> 'closed' AND i.window_from < p_to AND f.fits AND f.is_named
        AND genai.is_selected(p_env, p_data_mode, i.environment, i.data_mode)
    ORDER BY i.opened_at DESC, i.id DESC
    LIMIT 1
$$;

-- The open incident of a focus as a dashboard chooses it, in a sentence; no row where there is none, or the
-- dashboard is paused.
CREATE FUNCTION genai.incident_note(
    p_uid text, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text, p_user text, p_tenant text,
    p_model text, p_service text
) RETURNS TABLE (note text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'Incident ' || i.id || ' (' || i.state || ') is about this selection: ' || left(i.title, 200)
    FROM genai.open_incident(p_to, p_env, p_data_mode, genai.panel_focus(p_endpoint), genai.panel_focus(p_prompt_version),
        genai.panel_focus(p_user), genai.panel_focus(p_tenant), genai.panel_focus(p_model), genai.panel_focus(p_service)) i
    WHERE genai.dashboard_on(p_uid)
$$;

-- The built-in page of a row whose own dimension is `p_own`: its open incident's, else the comparison, on which one is opened.
-- Address and word are '' without a configured address of the pages (genai.setting public_url).
CREATE FUNCTION genai.row_page(
    p_own text, p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text
) RETURNS TABLE (page_url text, page_link text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(i.url, c.page_url), CASE WHEN i.url IS NULL THEN c.page_link ELSE 'incident' END
    FROM genai.compare_page(p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant,
        p_model, p_service) c
    LEFT JOIN LATERAL (
        SELECT p.url
        FROM genai.open_incident(p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
            p_service, p_own) o
        CROSS JOIN LATERAL genai.own_page('incident/' || o.id) p
        WHERE p.url <> ''
    ) i ON true
$$;

-- The open incident that a call belongs to: it began before the call did, and the call has all of its driver. Address and word
-- are '' where there is none, or no configured address of the pages.
CREATE FUNCTION genai.call_incident(
    p_time timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text, p_user text, p_tenant text,
    p_model text, p_service text
) RETURNS TABLE (incident_url text, incident_link text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(max(p.url), ''), CASE WHEN max(p.url) <> '' THEN 'incident' ELSE '' END
    FROM genai.open_incident(p_time + interval '1 microsecond', p_env, p_data_mode, p_endpoint, p_prompt_version, p_user,
        p_tenant, p_model, p_service) i
    CROSS JOIN LATERAL genai.own_page('incident/' || i.id) p
$$;
