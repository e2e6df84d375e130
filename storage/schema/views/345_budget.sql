-- Budgets as people and dashboards see them (docs/budgets.md).

-- What is or was budgeted; the values stand in the columns of their dimensions, NULL elsewhere.
CREATE VIEW genai.budget_scope AS
SELECT s.id, s.environment, s.data_mode, s.dimension,
    CASE 'endpoint' WHEN d.first THEN s.first WHEN d.second THEN s.second END AS endpoint_tag,
    CASE 'tenant' WHEN d.first THEN s.first WHEN d.second THEN s.second END AS tenant_id,
    CASE 'user' WHEN d.first THEN s.first WHEN d.second THEN s.second END AS user_id,
    CASE 'model' WHEN d.first THEN s.first WHEN d.second THEN s.second END AS model,
    CASE 'service' WHEN d.first THEN s.first WHEN d.second THEN s.second END AS service_name,
    CASE WHEN s.dimension = '' THEN 'everything' ELSE d.first || ' ' || s.first
        || CASE WHEN d.second <> '' THEN ', ' || d.second || ' ' || s.second ELSE '' END END AS scope
FROM _genai.budget_scope s
CROSS JOIN LATERAL (
    SELECT split_part(s.dimension, ',', 1) AS first, split_part(s.dimension, ',', 2) AS second
) d;

-- Budgets in force.
CREATE VIEW genai.budget AS
SELECT b.name AS budget, b.place, b.owner, b.warning_ratio, b.since, s.environment, s.data_mode, s.scope, s.endpoint_tag,
    s.tenant_id, s.user_id, s.model, s.service_name
FROM _genai.budget b JOIN genai.budget_scope s ON s.id = b.scope_id;

-- What each watches for: a state is reached by a spend of at least `reached_usd`, a unit cost above its limit.
CREATE VIEW genai.budget_threshold AS
SELECT t.budget, t.period, t.state, t.measure, t.limit_pico_usd * 1e-12 AS limit_usd,
    t.reached_pico_usd * 1e-12 AS reached_usd, t.min_count
FROM _genai.budget_threshold t;

-- When budgets were judged last, and how long that took.
CREATE VIEW genai.budget_run AS SELECT r.judged_at, r.milliseconds FROM _genai.budget_run r;

-- Each budget's running period with a limit: what was spent of it, exactly, when it was last judged. `at_least`: the true
-- spend may be more. The projection adds, for each day that is left of the month, the mean of the last seven full days (of
-- those there are, at least three; else NULL), as `genai.month_state` does.
CREATE VIEW genai.budget_state AS
SELECT b.name AS budget, b.place, b.owner, s.environment, s.data_mode, s.scope, s.endpoint_tag, s.tenant_id, s.user_id,
    s.model, s.service_name, o.period, o.period_start, e.period_end, t.limit_usd, t.warning_usd,
    o.cost_pico_usd * 1e-12 AS cost_usd, t.limit_usd - o.cost_pico_usd * 1e-12 AS left_usd,
    (o.cost_pico_usd * 1e-12 / t.limit_usd)::double precision AS used_ratio,
    CASE WHEN o.cost_pico_usd > t.limit_pico_usd THEN 'exceeded' WHEN o.cost_pico_usd >= t.warning_pico_usd THEN 'warning'
        ELSE 'ok' END AS state,
    o.is_folded OR genai.at_least(o.unpriced_calls, o.uncertain_calls, o.unread_spans) AS at_least,
    o.calls, o.requests, o.unpriced_calls, o.uncertain_calls, o.unread_spans, o.is_folded,
    CASE WHEN o.full_days >= 3 THEN round((o.cost_pico_usd + o.week_pico_usd / o.full_days
        * greatest(extract(epoch FROM e.period_end - r.judged_at)::numeric, 0) / 86400) * 1e-12, 12) END AS projected_usd,
    r.judged_at
FROM _genai.budget_state o
JOIN _genai.budget b ON b.name = o.budget
JOIN genai.budget_scope s ON s.id = b.scope_id
JOIN (
    SELECT t.budget, t.period, t.limit_pico_usd, t.limit_pico_usd * 1e-12 AS limit_usd, t.reached_pico_usd AS warning_pico_usd,
        t.reached_pico_usd * 1e-12 AS warning_usd
    FROM _genai.budget_threshold t WHERE t.state = 'warning'
) t ON (t.budget, t.period) = (o.budget, o.period)
CROSS JOIN _genai.budget_run r
CROSS JOIN LATERAL (
    SELECT CASE o.period WHEN 'day' THEN o.period_start + interval '24 hours'
        ELSE date_trunc('month', o.period_start + interval '32 days', 'UTC') END AS period_end
) e;

-- What budgets went through: a row when a state was reached (`warning`, `exceeded`, `spend_alert`), and one more when a
-- correction took it back (`cleared`). `crossed_at` is the start of the call with which the sum, in the order of starts,
-- reached the state; `at` when that was noticed. `is_late`: the period was closed by then.
CREATE VIEW genai.budget_event AS
SELECT e.id, v.at, v.transition, e.budget, e.owner, s.environment, s.data_mode, s.scope, s.endpoint_tag, s.tenant_id,
    s.user_id, s.model, s.service_name, e.period, e.period_start, e.period_end, e.state, e.measure,
    e.limit_pico_usd * 1e-12 AS limit_usd, v.cost_pico_usd * 1e-12 AS cost_usd, e.count, e.at_least, e.crossed_at,
    e.is_late, e.cleared_at IS NULL OR coalesce(e.returned_at >= e.cleared_at, false) AS holds, e.acknowledged_at,
    e.acknowledged_by
FROM _genai.budget_event e
JOIN genai.budget_scope s ON s.id = e.scope_id
CROSS JOIN LATERAL (
    VALUES (e.noticed_at, e.state, e.cost_pico_usd), (e.cleared_at, 'cleared', e.cleared_pico_usd)
) v (at, transition, cost_pico_usd)
WHERE v.at IS NOT NULL;
