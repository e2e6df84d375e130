-- Budgets, read from the views.

-- states --
-- The running period of every budget with a limit, the most used first.
SELECT s.* FROM genai.budget_state s ORDER BY s.used_ratio DESC, s.place, s.period


-- alerts --
-- What budgets watch for beside their limits.
SELECT t.budget, b.scope, b.environment, b.owner, t.period, t.measure, t.limit_usd, t.min_count
FROM genai.budget_threshold t
JOIN genai.budget b ON b.budget = t.budget
WHERE t.state = 'spend_alert'
ORDER BY b.place, t.measure, t.period, t.limit_usd


-- events --
-- Transitions noticed in [from, to), the latest first. Parameters: from, to, budget (NULL for all), limit.
SELECT e.* FROM genai.budget_event e
WHERE e.at >= %(from)s AND e.at < %(to)s AND (%(budget)s::text IS NULL OR e.budget = %(budget)s)
ORDER BY e.at DESC, e.id DESC
LIMIT %(limit)s


-- run --
-- When budgets were judged last; no row: never.
SELECT r.judged_at FROM genai.budget_run r


-- alerting --
-- States that call for somebody now. Parameter: now.
SELECT e.budget, e.state, e.period, e.period_start, e.limit_usd, e.cost_usd
FROM genai.budget_event e
WHERE e.transition = e.state AND e.holds AND e.period_start <= %(now)s AND e.period_end > %(now)s
ORDER BY e.budget, e.state
