-- What the Budgets dashboard and the Budgets panel of Overview ask.

-- Whether a budget counts calls of the chosen environments (several with commas, `*` for all) and data mode.
CREATE FUNCTION genai.is_budget_of(p_budget_env text, p_budget_mode text, p_env text, p_data_mode text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (p_budget_env = '*' OR p_env = '*' OR string_to_array(p_budget_env, ',') && string_to_array(p_env, ','))
        AND (p_data_mode = '*' OR p_budget_mode = p_data_mode)
$$;

-- The environment that a link to a budget's calls chooses: a link carries one.
CREATE FUNCTION genai.budget_link_env(p_env text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_env = '*' OR 'prod' = ANY (string_to_array(p_env, ',')) THEN 'prod' ELSE split_part(p_env, ',', 1) END
$$;

-- Every budget's running period, the most used first, with the window and the focus of a link.
CREATE FUNCTION genai.panel_budgets(p_env text, p_data_mode text, p_limit integer DEFAULT 200)
RETURNS TABLE (
    state text, budget text, scope text, period text, spend text, "limit" text, used double precision, "left" text,
    projected text, owner text, cost_usd numeric, limit_usd numeric, from_ms double precision, until_ms double precision,
    environment text, data_mode text, baseline text, service text, endpoint text, prompt_version text, "user" text,
    tenant text, model text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.state, s.budget, s.scope, s.period, genai.money_text(s.cost_usd, s.at_least), genai.money_text(s.limit_usd),
        s.used_ratio, CASE WHEN s.left_usd < 0 THEN '–' WHEN s.at_least THEN '≤ ' || genai.money_text(s.left_usd)
            ELSE genai.money_text(s.left_usd) END,
        CASE WHEN s.projected_usd IS NULL THEN '–' ELSE genai.money_text(s.projected_usd, s.at_least) END,
        coalesce(s.owner, ''), s.cost_usd, s.limit_usd, (extract(epoch FROM s.period_start) * 1000)::float8,
        (extract(epoch FROM s.judged_at) * 1000)::float8, genai.budget_link_env(s.environment), s.data_mode,
        CASE s.period WHEN 'day' THEN '24h' ELSE 'previous' END, coalesce(s.service_name, '*'), coalesce(s.endpoint_tag, '*'),
        '*', coalesce(s.user_id, '*'), coalesce(s.tenant_id, '*'), coalesce(s.model, '*')
    FROM genai.budget_state s
    WHERE genai.is_budget_of(s.environment, s.data_mode, p_env, p_data_mode)
    ORDER BY s.used_ratio DESC, s.place, s.period
    LIMIT p_limit
$$;

-- How the budgets stand at once: limits that are exceeded and that warn, spend-alerts of the last day, and the part of its
-- limit that the budget which used most has used.
CREATE FUNCTION genai.panel_budget_counts(p_env text, p_data_mode text)
RETURNS TABLE (exceeded bigint, warning bigint, spend_alerts bigint, most_used double precision, judged_seconds double precision)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT count(*) FILTER (WHERE s.state = 'exceeded'), count(*) FILTER (WHERE s.state = 'warning'),
        (SELECT count(*) FROM genai.budget_event e
            WHERE e.transition = 'spend_alert' AND e.holds AND e.at > now() - interval '24 hours'
                AND genai.is_budget_of(e.environment, e.data_mode, p_env, p_data_mode)),
        max(s.used_ratio)::float8,
        extract(epoch FROM now() - max(s.judged_at))::float8
    FROM genai.budget_state s
    WHERE genai.is_budget_of(s.environment, s.data_mode, p_env, p_data_mode)
    HAVING count(*) > 0
$$;

-- Transitions that were noticed in a range, the latest first.
CREATE FUNCTION genai.panel_budget_events(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE (
    at timestamptz, transition text, budget text, period text, "limit" text, spend text, crossed_at timestamptz, note text,
    owner text, cost_usd numeric, limit_usd numeric, from_ms double precision, until_ms double precision, environment text,
    data_mode text, baseline text, service text, endpoint text, prompt_version text, "user" text, tenant text, model text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT e.at, e.transition, e.budget, e.period, genai.money_text(e.limit_usd), genai.money_text(e.cost_usd, e.at_least),
        e.crossed_at, concat_ws(', ', CASE WHEN e.is_late THEN 'late' END, CASE e.measure WHEN 'unit_cost' THEN 'unit cost' END,
            CASE e.transition WHEN 'cleared' THEN 'no longer ' || replace(e.state, '_', '-') END,
            'acknowledged by ' || e.acknowledged_by),
        coalesce(e.owner, ''), e.cost_usd, e.limit_usd, (extract(epoch FROM e.period_start) * 1000)::float8,
        (extract(epoch FROM greatest(e.period_start + interval '1 minute', least(e.at, e.period_end))) * 1000)::float8,
        genai.budget_link_env(e.environment), e.data_mode, CASE e.period WHEN 'month' THEN 'previous' ELSE '24h' END,
        coalesce(e.service_name, '*'), coalesce(e.endpoint_tag, '*'), '*', coalesce(e.user_id, '*'),
        coalesce(e.tenant_id, '*'), coalesce(e.model, '*')
    FROM genai.budget_event e
    WHERE e.at >= p_from AND e.at < p_to AND genai.is_budget_of(e.environment, e.data_mode, p_env, p_data_mode)
    ORDER BY e.at DESC, e.id DESC
    LIMIT 200
$$;

-- Spend-alerts of budgets in force, and how often each was reached in a range.
CREATE FUNCTION genai.panel_spend_alerts(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE (
    budget text, scope text, measure text, period text, "limit" text, reached bigint, owner text, limit_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT t.budget, b.scope, replace(t.measure, '_', ' '), t.period, genai.money_text(t.limit_usd), (
            SELECT count(*) FROM genai.budget_event e
            WHERE (e.budget, e.period, e.measure, e.limit_usd) = (t.budget, t.period, t.measure, t.limit_usd)
                AND e.transition = 'spend_alert' AND e.at >= p_from AND e.at < p_to),
        coalesce(b.owner, ''), t.limit_usd
    FROM genai.budget_threshold t
    JOIN genai.budget b ON b.budget = t.budget
    WHERE t.state = 'spend_alert' AND genai.is_budget_of(b.environment, b.data_mode, p_env, p_data_mode)
    ORDER BY b.place, t.measure, t.period, t.limit_usd
    LIMIT 200
$$;
