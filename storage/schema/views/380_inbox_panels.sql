-- Alerts and incidents for dashboards: what panels list, and the marks that every dashboard draws.

-- The address of a page of this service and the word to click on; '' without a configured address (setting public_url).
CREATE FUNCTION genai.own_page(p_path text) RETURNS TABLE (url text, word text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(rtrim(max(s.value), '/') || '/' || p_path, ''), CASE WHEN max(s.value) IS NULL THEN '' ELSE 'open' END
    FROM genai.setting s WHERE s.key = 'public_url' AND s.value <> ''
$$;

-- Whether a row is of the selected environments and data mode.
CREATE FUNCTION genai.is_selected(p_env text, p_data_mode text, p_environment text, p_mode text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (p_env = '*' OR p_environment = ANY (string_to_array(p_env, ','))) AND (p_data_mode = '*' OR p_mode = p_data_mode)
$$;

-- Alerts: with `p_active` those that are not resolved, whenever they began; else those that began in the range. Dimensions
-- that an alert does not name are '*', as links want them.
CREATE FUNCTION genai.panel_alerts(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_active boolean, p_limit integer DEFAULT 50
) RETURNS TABLE (
    severity text, title text, sentence text, began timestamptz, state text, change text, class text, driver text, owner text,
    page text, page_url text, from_ms bigint, until_ms bigint, environment text, data_mode text, baseline text, service text,
    endpoint text, prompt_version text, "user" text, tenant text, model text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT e.severity, e.title, coalesce(e.summary, s.sentence, e.sentence, ''), e.starts_at,
        CASE WHEN e.state <> 'resolved' AND e.ended_at IS NOT NULL THEN e.state || ', ended' ELSE e.state END,
        CASE WHEN s.delta_usd IS NULL THEN '–' ELSE genai.change_text(s.delta_usd) END, coalesce(s.class, ''), coalesce(s.driver, ''), e.owner, p.word, p.url,
        (extract(epoch FROM e.window_from) * 1000)::bigint, (extract(epoch FROM e.window_to) * 1000)::bigint, e.environment,
        e.data_mode, e.baseline, coalesce(e.service_name, '*'), coalesce(e.endpoint_tag, '*'), coalesce(e.prompt_version, '*'),
        coalesce(e.user_id, '*'), coalesce(e.tenant_id, '*'), coalesce(e.model, '*')
    FROM genai.alert_episode e
    LEFT JOIN genai.alert_story s ON s.episode_id = e.id
    CROSS JOIN LATERAL genai.own_page('alert/' || e.id) p
    WHERE genai.is_selected(p_env, p_data_mode, e.environment, e.data_mode) AND NOT e.is_test AND e.rule <> 'watchdog'
        AND CASE WHEN p_active THEN e.state <> 'resolved' ELSE e.starts_at >= p_from AND e.starts_at < p_to END
    ORDER BY CASE WHEN p_active THEN array_position('{critical,warning,info}', e.severity) END, e.starts_at DESC, e.id DESC
    LIMIT p_limit
$$;

-- One row: how many alerts wait, are being worked on, and began in the range; and how old the watchdog's last word is.
CREATE FUNCTION genai.panel_alert_counts(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE (open bigint, taken_on bigint, began bigint, watchdog_seconds double precision)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT count(*) FILTER (WHERE e.state = 'open' AND e.rule <> 'watchdog' AND NOT e.is_test),
        count(*) FILTER (WHERE e.state IN ('acknowledged', 'contained')),
        count(*) FILTER (WHERE e.starts_at >= p_from AND e.starts_at < p_to AND e.rule <> 'watchdog' AND NOT e.is_test),
        extract(epoch FROM now() - (SELECT max(w.last_seen) FROM genai.alert_episode w WHERE w.rule = 'watchdog'))::float8
    FROM genai.alert_episode e
    WHERE genai.is_selected(p_env, p_data_mode, e.environment, e.data_mode)
$$;

-- Rules of the range: how often each began, what became of it, and how many deliveries needed nobody.
CREATE FUNCTION genai.panel_alert_rules(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE (rule text, alerts bigint, incidents bigint, untouched bigint, deliveries bigint, repeated bigint, cooled bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT e.rule, count(*), count(i.incident_id), count(*) FILTER (WHERE e.state = 'resolved' AND i.incident_id IS NULL),
        sum(d.told)::bigint, sum(d.repeated)::bigint, sum(d.cooled)::bigint
    FROM genai.alert_episode e
    LEFT JOIN genai.incident_alert i ON i.episode_id = e.id
    CROSS JOIN LATERAL (
        SELECT count(*) AS told, count(*) FILTER (WHERE d.dedupe_applied) AS repeated,
            count(*) FILTER (WHERE d.cooldown_applied) AS cooled
        FROM genai.alert_delivery d WHERE d.episode_id = e.id
    ) d
    WHERE e.starts_at >= p_from AND e.starts_at < p_to AND NOT e.is_test
        AND e.rule <> 'watchdog' AND genai.is_selected(p_env, p_data_mode, e.environment, e.data_mode)
    GROUP BY e.rule
    ORDER BY count(*) DESC, e.rule
    LIMIT 20
$$;

-- Incidents: with `p_active` those that are not closed, else those that were opened in the range.
CREATE FUNCTION genai.panel_incidents(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_active boolean, p_limit integer DEFAULT 50
) RETURNS TABLE (
    number bigint, title text, opened timestamptz, state text, owner text, channel text, class text, driver text, verdict text,
    came_back bigint, guardrail text, page text, page_url text, from_ms bigint, until_ms bigint, environment text,
    data_mode text, baseline text, service text, endpoint text, prompt_version text, "user" text, tenant text, model text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT i.id, i.title, i.opened_at, i.state, i.owner, i.channel, i.driver_class, i.driver, coalesce(i.verdict, 'not measured'),
        i.recurrences, CASE WHEN i.guardrail <> '' THEN 'yes' WHEN i.state = 'closed' THEN 'waived' ELSE 'not yet' END, p.word,
        p.url, (extract(epoch FROM i.window_from) * 1000)::bigint, (extract(epoch FROM i.window_to) * 1000)::bigint,
        i.environment, i.data_mode, i.baseline, coalesce(i.service_name, '*'), coalesce(i.endpoint_tag, '*'),
        coalesce(i.prompt_version, '*'), coalesce(i.user_id, '*'), coalesce(i.tenant_id, '*'), coalesce(i.model, '*')
    FROM genai.incident i
    CROSS JOIN LATERAL genai.own_page('incident/' || i.id) p
    WHERE genai.is_selected(p_env, p_data_mode, i.environment, i.data_mode)
        AND CASE WHEN p_active THEN i.state <> 'closed' ELSE i.opened_at >= p_from AND i.opened_at < p_to END
    ORDER BY i.opened_at DESC, i.id DESC
    LIMIT p_limit
$$;

-- One row: incidents that are open, contained, opened in the range, and closed without a guardrail.
CREATE FUNCTION genai.panel_incident_counts(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE (open bigint, contained bigint, opened bigint, guardrails_open bigint) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT count(*) FILTER (WHERE i.state IN ('open', 'acknowledged')), count(*) FILTER (WHERE i.state = 'contained'),
        count(*) FILTER (WHERE i.opened_at >= p_from AND i.opened_at < p_to), count(*) FILTER (WHERE i.is_guardrail_open)
    FROM genai.incident i WHERE genai.is_selected(p_env, p_data_mode, i.environment, i.data_mode)
$$;

-- Causes of all incidents that are kept, those that came back most first.
CREATE FUNCTION genai.panel_causes(p_env text, p_data_mode text)
RETURNS TABLE (class text, driver text, times bigint, last_opened timestamptz, without_guardrail bigint, owner text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT max(i.driver_class), (array_agg(i.driver ORDER BY i.opened_at DESC))[1], count(*), max(i.opened_at),
        count(*) FILTER (WHERE i.guardrail = ''), (array_agg(i.owner ORDER BY i.opened_at DESC))[1]
    FROM genai.incident i
    WHERE genai.is_selected(p_env, p_data_mode, i.environment, i.data_mode)
    GROUP BY i.recurrence_key
    ORDER BY count(*) DESC, max(i.opened_at) DESC
    LIMIT 20
$$;

-- Marks of a range for every dashboard: when alerts began to fire, and incidents with the first of theirs (without one: with
-- their window). Points: the windows of several would colour a whole chart.
CREATE FUNCTION genai.alert_annotations(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_limit integer DEFAULT 20
) RETURNS TABLE ("time" timestamptz, timeend timestamptz, text text, tags text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT m.time, m.time_end, m.text, m.tags
    FROM (
        SELECT coalesce((
                SELECT min(e.starts_at) FROM genai.incident_alert a JOIN genai.alert_episode e ON e.id = a.episode_id
                WHERE a.incident_id = i.id), i.window_from) AS time, NULL::timestamptz AS time_end,
            'Incident ' || i.id || ' (' || i.state || '): ' || left(i.title, 200) AS text, 'incident,' || i.severity AS tags,
            i.environment, i.data_mode, i.endpoint_tag, i.severity
        FROM genai.incident i
        UNION ALL
        SELECT e.starts_at, NULL, e.title || ': ' || left(coalesce(e.sentence, e.summary, ''), 200),
            'alert,' || e.severity, e.environment, e.data_mode, e.endpoint_tag, e.severity
        FROM genai.alert_episode e
        WHERE NOT e.is_test AND e.rule <> 'watchdog'
            AND NOT EXISTS (SELECT FROM genai.incident_alert a WHERE a.episode_id = e.id)
    ) m
    WHERE m.time >= p_from AND m.time < p_to AND genai.is_selected(p_env, p_data_mode, m.environment, m.data_mode)
        AND (p_endpoint = '*' OR m.endpoint_tag IS NULL OR m.endpoint_tag = p_endpoint)
    ORDER BY array_position('{critical,warning,info}', m.severity), m.time DESC
    LIMIT p_limit
$$;
