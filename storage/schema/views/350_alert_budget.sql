-- Budgets as alert rules (DESIGN §8): they fire on the transition, never on the level.

-- Events that ask for somebody: a day old at most, not acknowledged, not taken back, of a limit that is still in force, and
-- not followed by a graver one of the same period. What was noticed when its period was closed is told elsewhere, where
-- nothing pages; so are budgets of more than environment prod.
CREATE FUNCTION genai.budget_calls_for(p_now timestamptz, p_place text)
RETURNS SETOF genai.budget_event LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT e.*
    FROM genai.budget_event e
    WHERE e.transition = e.state AND e.holds AND e.acknowledged_at IS NULL
        AND e.at <= p_now AND e.at > p_now - interval '24 hours'
        AND (genai.is_at_place('prod', e.environment, e.data_mode) AND NOT e.is_late) = (p_place = 'prod')
        AND EXISTS (
            SELECT FROM genai.budget_threshold t
            WHERE (t.budget, t.period, t.state, t.measure, t.limit_usd) = (e.budget, e.period, e.state, e.measure, e.limit_usd))
        AND NOT EXISTS (
            SELECT FROM genai.budget_event x
            WHERE e.state = 'warning' AND x.transition = 'exceeded' AND x.holds
                AND (x.budget, x.period, x.period_start, x.limit_usd) = (e.budget, e.period, e.period_start, e.limit_usd))
$$;

-- The rows of these rules. The scope is the budget's name. The window ends when the event was noticed and begins with its
-- period, a month's a day before.
CREATE FUNCTION genai.budget_alert_rows(p_now timestamptz, p_place text, p_state text, p_by_rate boolean)
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW(e.environment, e.data_mode, coalesce(e.service_name, ''), coalesce(e.endpoint_tag, ''), '',
            coalesce(e.tenant_id, ''), coalesce(e.user_id, ''), coalesce(e.model, ''), e.budget,
            coalesce(e.owner, o.owner, ''),
            greatest(1, genai.alert_number((v.value / nullif(v.threshold, 0))::float8)), genai.alert_number(v.value::float8),
            genai.alert_number(v.threshold::float8), CASE e.period WHEN 'month' THEN 168 ELSE 24 END,
            CASE e.period WHEN 'month' THEN e.at - interval '24 hours' ELSE e.period_start END,
            greatest(e.period_start + interval '1 minute', least(e.at, e.period_end)))::genai.alert_row
        FROM genai.budget_calls_for(p_now, p_place) e
        CROSS JOIN LATERAL (
            SELECT CASE e.measure WHEN 'unit_cost' THEN e.cost_usd / nullif(e.count, 0) ELSE e.cost_usd END AS value,
                CASE e.state WHEN 'warning' THEN coalesce((
                    SELECT t.reached_usd FROM genai.budget_threshold t
                    WHERE (t.budget, t.period, t.state, t.limit_usd) = (e.budget, e.period, 'warning', e.limit_usd)),
                    e.limit_usd) ELSE e.limit_usd END AS threshold
        ) v
        LEFT JOIN LATERAL genai.owner_of(e.service_name, e.endpoint_tag) o ON true
        WHERE e.state = p_state AND p_by_rate = (e.period = 'hour' AND e.measure = 'spend')
    ), p_now - interval '24 hours', p_now) r
$$;

-- A budget has reached its warning ratio.
CREATE FUNCTION genai.alert_budget_warning(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM genai.budget_alert_rows(p_now, p_place, 'warning', false) r
$$;

-- A budget's limit is exceeded.
CREATE FUNCTION genai.alert_budget_exceeded(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM genai.budget_alert_rows(p_now, p_place, 'exceeded', false) r
$$;

-- A spend-alert of a day, a month or a unit cost.
CREATE FUNCTION genai.alert_spend_alert(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM genai.budget_alert_rows(p_now, p_place, 'spend_alert', false) r
$$;

-- A spend-alert by the hour.
CREATE FUNCTION genai.alert_spend_rate(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM genai.budget_alert_rows(p_now, p_place, 'spend_alert', true) r
$$;
