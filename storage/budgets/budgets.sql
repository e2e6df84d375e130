-- Budgets: all of it runs in the one transaction of `judge.py`.

-- budget_file_news --
-- The file in force, where it is another one than what was judged last; `id` NULL: there is none any more.
SELECT f.id, f.loaded_at
FROM (SELECT max(o.id) AS id FROM _genai.operator_file o WHERE o.kind = 'budgets') o
LEFT JOIN _genai.operator_file f ON f.id = o.id
WHERE f.id IS DISTINCT FROM (SELECT r.file_id FROM _genai.budget_run r)


-- retire_budgets --
-- Forget what is not in the file, nor made from an entry of it; events stay. Parameter: id of the file.
WITH forgotten AS (
    DELETE FROM _genai.budget b WHERE NOT EXISTS (
        SELECT FROM _genai.operator_file f
        CROSS JOIN jsonb_to_recordset(f.content -> 'budgets') e (name text, "each" boolean)
        WHERE f.id = %(id)s AND e.name = coalesce(b.template, b.name)
            AND coalesce(e."each", false) = (b.template IS NOT NULL))
)
DELETE FROM _genai.budget_threshold t


-- put_budget_scopes --
-- The scopes of the file's budgets. Parameter: id of the file.
INSERT INTO _genai.budget_scope (id, environment, data_mode, dimension, first, second, in_use)
SELECT DISTINCT hashtextextended(concat_ws(E'\n', e.environment, e.data_mode, e.dimension, e.first, e.second), 0), e.environment,
    e.data_mode, e.dimension, e.first, e.second, true
FROM _genai.operator_file f
CROSS JOIN jsonb_to_recordset(f.content -> 'budgets') e (
    environment text, data_mode text, dimension text, first text, second text, "each" boolean)
WHERE f.id = %(id)s AND e."each" IS NOT TRUE
ON CONFLICT (id) DO UPDATE SET in_use = true


-- put_budgets --
-- The file's budgets; `since` stays while a budget's scope does. What was made from another entry makes room.
-- Parameter: id of the file.
INSERT INTO _genai.budget AS b (name, scope_id, place, owner, warning_ratio, since)
SELECT e.name, s.id, e.place, e.owner, e.warning_ratio, f.loaded_at
FROM _genai.operator_file f
CROSS JOIN ROWS FROM (jsonb_to_recordset(f.content -> 'budgets') AS (
    name text, owner text, warning_ratio numeric, environment text, data_mode text, dimension text, first text, second text,
    "each" boolean
)) WITH ORDINALITY e (name, owner, warning_ratio, environment, data_mode, dimension, first, second, "each", place)
JOIN _genai.budget_scope s ON s.id = hashtextextended(
    concat_ws(E'\n', e.environment, e.data_mode, e.dimension, e.first, e.second), 0)
WHERE f.id = %(id)s AND e."each" IS NOT TRUE
ON CONFLICT (name) DO UPDATE SET scope_id = excluded.scope_id, place = excluded.place, owner = excluded.owner,
    warning_ratio = excluded.warning_ratio, template = NULL,
    since = CASE WHEN b.scope_id = excluded.scope_id THEN b.since ELSE excluded.since END


-- put_budget_thresholds --
-- What the file's budgets watch for. Parameter: id of the file.
INSERT INTO _genai.budget_threshold (budget, period, state, measure, limit_pico_usd, reached_pico_usd, min_count)
SELECT e.name, t.period, t.state, t.measure, t."limit", t.reached, t.min_count
FROM _genai.operator_file f
CROSS JOIN jsonb_to_recordset(f.content -> 'budgets') e (name text, thresholds jsonb, "each" boolean)
CROSS JOIN jsonb_to_recordset(e.thresholds) t (
    period text, state text, measure text, "limit" numeric, reached numeric, min_count bigint)
WHERE f.id = %(id)s AND e."each" IS NOT TRUE


-- budget_templates --
-- Entries of the file in force that stand for a budget of each value of their dimension, with the day from which on values
-- are looked for: all that a month needs when the file is new; three days once an hour, for what came late to a day that is
-- not summed yet; else what may have come since the last pass, and from the first day whose sums changed since it was judged.
-- Parameters: now, is_new.
SELECT e.name, e.owner, e.place, e.warning_ratio, e.environment, e.data_mode, e.dimension, f.loaded_at,
    CASE WHEN %(is_new)s OR r.judged_at IS NULL THEN %(now)s::timestamptz - interval '77 days'
        ELSE least(r.judged_at - interval '2 hours', c.day, %(now)s::timestamptz - CASE
            WHEN date_bin('1 hour', r.judged_at, 'epoch') < date_bin('1 hour', %(now)s::timestamptz, 'epoch')
                THEN interval '3 days' ELSE interval '2 hours' END) END AS "from",
    %(now)s::timestamptz + interval '10 minutes' AS "to"
FROM (SELECT max(o.id) AS id FROM _genai.operator_file o WHERE o.kind = 'budgets') o
JOIN _genai.operator_file f ON f.id = o.id
CROSS JOIN ROWS FROM (jsonb_to_recordset(f.content -> 'budgets') AS (
    name text, owner text, warning_ratio numeric, environment text, data_mode text, dimension text, "each" boolean
)) WITH ORDINALITY e (name, owner, warning_ratio, environment, data_mode, dimension, "each", place)
LEFT JOIN _genai.budget_run r ON true
CROSS JOIN LATERAL (
    SELECT min(s.bucket) AS day
    FROM _genai.budget_sealed z
    JOIN _genai.summed_day s ON s.bucket = z.day
    WHERE (z.environment, z.data_mode, z.dimension) = (e.environment, e.data_mode, e.dimension)
        AND (s.stale OR s.version > z.version)
        AND s.level = CASE genai.scope_source(e.dimension, '') WHEN 'series' THEN 'hour' ELSE 'identity_hour' END
) c
WHERE e."each"
ORDER BY e.place


-- put_each_budgets --
-- A budget of each value that was used and has none yet: of its own in the file, or of an entry before. At most 10,000 of an
-- entry, those with the highest spend. Parameters: of budget_templates.
WITH used AS (
    SELECT hashtextextended(concat_ws(E'\n', %(environment)s::text, %(data_mode)s::text, %(dimension)s::text, u.first, ''), 0) AS id, u.first
    FROM genai.scope_usage(%(from)s::timestamptz, %(to)s::timestamptz, interval '1 hour', %(environment)s, %(data_mode)s, %(dimension)s, '') u
    WHERE genai.is_named(u.first)
    GROUP BY u.first
    ORDER BY sum(u.cost_pico_usd) DESC, u.first
    LIMIT greatest(0, 10000 - (SELECT count(*) FROM _genai.budget b WHERE b.template = %(name)s))
), scope AS (
    INSERT INTO _genai.budget_scope (id, environment, data_mode, dimension, first, second, in_use)
    SELECT u.id, %(environment)s::text, %(data_mode)s::text, %(dimension)s::text, u.first, '', true
    FROM used u WHERE NOT EXISTS (SELECT FROM _genai.budget b WHERE b.scope_id = u.id)
    ON CONFLICT (id) DO UPDATE SET in_use = true
    RETURNING id, first
)
INSERT INTO _genai.budget (name, scope_id, place, owner, warning_ratio, since, template)
SELECT %(name)s::text || ': ' || s.first, s.id, %(place)s, %(owner)s, %(warning_ratio)s, %(loaded_at)s, %(name)s
FROM scope s
ON CONFLICT (name) DO NOTHING


-- follow_template --
-- What an entry says now, for the budgets that were made from it. A budget of its own in the file takes the place of one.
-- Parameters: of budget_templates.
WITH replaced AS (
    DELETE FROM _genai.budget b
    WHERE b.template = %(name)s
        AND EXISTS (SELECT FROM _genai.budget o WHERE o.scope_id = b.scope_id AND o.template IS NULL)
)
UPDATE _genai.budget b SET place = %(place)s, owner = %(owner)s, warning_ratio = %(warning_ratio)s
FROM _genai.budget_scope s
WHERE b.template = %(name)s AND s.id = b.scope_id
    AND (s.environment, s.data_mode, s.dimension) = (%(environment)s, %(data_mode)s, %(dimension)s)
    AND NOT EXISTS (SELECT FROM _genai.budget o WHERE o.scope_id = b.scope_id AND o.template IS NULL)


-- leave_template --
-- Budgets whose entry is about something else now. Parameters: of budget_templates.
DELETE FROM _genai.budget b USING _genai.budget_scope s
WHERE b.template = %(name)s AND s.id = b.scope_id
    AND (s.environment, s.data_mode, s.dimension) <> (%(environment)s, %(data_mode)s, %(dimension)s)


-- put_each_thresholds --
-- What budgets that were made from entries watch for.
INSERT INTO _genai.budget_threshold (budget, period, state, measure, limit_pico_usd, reached_pico_usd, min_count)
SELECT b.name, t.period, t.state, t.measure, t."limit", t.reached, t.min_count
FROM (SELECT max(o.id) AS id FROM _genai.operator_file o WHERE o.kind = 'budgets') o
JOIN _genai.operator_file f ON f.id = o.id
CROSS JOIN jsonb_to_recordset(f.content -> 'budgets') e (name text, thresholds jsonb)
JOIN _genai.budget b ON b.template = e.name
CROSS JOIN jsonb_to_recordset(e.thresholds) t (
    period text, state text, measure text, "limit" numeric, reached numeric, min_count bigint)
ON CONFLICT DO NOTHING


-- scope_hashes --
-- What the scopes of each kind hash to. Parameter: none.
SELECT s.environment, s.data_mode, s.dimension, bit_xor(s.id) AS scopes
FROM _genai.budget_scope s WHERE s.in_use GROUP BY 1, 2, 3


-- keep_seals --
-- Days before new values were looked for: nothing of theirs is in them, so their sums stand. Parameters: environment,
-- data_mode, dimension, before, after (hashes), day.
UPDATE _genai.budget_sealed z SET scopes = %(after)s
WHERE (z.environment, z.data_mode, z.dimension, z.scopes) = (%(environment)s, %(data_mode)s, %(dimension)s, %(before)s)
    AND z.day < date_bin('1 day', %(day)s::timestamptz, 'epoch')


-- forget_budget_states --
-- States of periods that a budget has no limit for any more, or of another scope.
DELETE FROM _genai.budget_state o
USING _genai.budget b
WHERE b.name = o.budget AND (o.scope_id <> b.scope_id
    OR NOT EXISTS (SELECT FROM _genai.budget_threshold t WHERE (t.budget, t.period) = (o.budget, o.period)))


-- retire_budget_scopes --
-- Scopes without a budget are no longer summed.
UPDATE _genai.budget_scope s SET in_use = false
WHERE s.in_use AND s.first <> '__other__' AND NOT EXISTS (SELECT FROM _genai.budget b WHERE b.scope_id = s.id)


-- put_folded_scopes --
-- Beside every kind of scope one for its calls beyond the day's cap: they may belong to any of its budgets.
INSERT INTO _genai.budget_scope (id, environment, data_mode, dimension, first, second, in_use)
SELECT hashtextextended(concat_ws(E'\n', k.environment, k.data_mode, k.dimension, '__other__', k.second), 0),
    k.environment, k.data_mode, k.dimension, '__other__', k.second, true
FROM (
    SELECT DISTINCT s.environment, s.data_mode, s.dimension,
        CASE WHEN strpos(s.dimension, ',') > 0 THEN '__other__' ELSE '' END AS second
    FROM _genai.budget_scope s WHERE s.in_use AND s.dimension <> ''
) k
ON CONFLICT (id) DO UPDATE SET in_use = true


-- analyze_budgets --
-- How many there are: without it the planner takes them for a handful, and nests loops over thousands.
ANALYZE _genai.budget_scope, _genai.budget, _genai.budget_threshold


-- analyze_budget_days --
-- The same of days that were summed for many scopes at once.
ANALYZE _genai.budget_day, _genai.budget_month


-- analyze_budget_spend --
-- The same of what this run judges.
ANALYZE budget_spent


-- join_by_hash --
-- Thousands meet thousands: a nested loop that a wrong guess chooses would take minutes.
SET LOCAL enable_nestloop = off


-- join_as_planned --
-- Few are searched, by index.
SET LOCAL enable_nestloop = on


-- try_budget_lock --
-- One judge at a time, whoever asks for it.
SELECT pg_try_advisory_xact_lock(hashtext('spanledger.budgets'))


-- budget_kinds --
-- The kinds of scopes in use, with the hash of these scopes and from which day on they are summed: fifteen days before
-- the month (for the projection), or before the month before while a budget was in force then. What the level no longer holds
-- stays as it was summed. Parameter: now.
SELECT k.environment, k.data_mode, k.dimension, split_part(k.dimension, ',', 1) AS first,
    split_part(k.dimension, ',', 2) AS second, k.scopes, f.source,
    greatest(
        date_trunc('month', greatest(least(k.since, %(now)s::timestamptz), m.before), 'UTC') - interval '15 days',
        date_bin('1 day', f.floor + interval '86399.999999 seconds', 'epoch'),
        date_bin('1 day', least(h.first, d.first), 'epoch')) AS first_day,
    date_bin('1 day', %(now)s::timestamptz + interval '10 minutes', 'epoch') AS last_day
FROM (
    SELECT s.environment, s.data_mode, s.dimension, bit_xor(s.id) AS scopes, min(b.since) AS since
    FROM _genai.budget_scope s LEFT JOIN _genai.budget b ON b.scope_id = s.id
    WHERE s.in_use
    GROUP BY 1, 2, 3
) k
CROSS JOIN LATERAL (
    SELECT date_trunc('month', date_trunc('month', %(now)s::timestamptz, 'UTC') - interval '1 day', 'UTC') AS before
) m
CROSS JOIN LATERAL (
    SELECT genai.scope_source(split_part(k.dimension, ',', 1), split_part(k.dimension, ',', 2)) AS source
) o
CROSS JOIN LATERAL (
    SELECT o.source, max(f.time) AS floor
    FROM genai.floor f
    WHERE f.level = CASE o.source WHEN 'series' THEN 'hour' WHEN 'identity' THEN 'identity_hour' ELSE 'raw' END
) f
CROSS JOIN (SELECT min(u.bucket) AS first FROM _genai.usage_hour u) h
CROSS JOIN (SELECT min(d.day) AS first FROM _genai.budget_day d) d
WHERE k.since IS NOT NULL
ORDER BY 1, 2, 3


-- note_open_days --
-- The days of a kind that are to be summed: not sealed with the sums that the day has now. Parameters: environment,
-- data_mode, dimension, scopes, source, first_day, last_day.
INSERT INTO budget_open_day
SELECT %(environment)s, %(data_mode)s, %(dimension)s, d.day, v.version
FROM generate_series(%(first_day)s::timestamptz, %(last_day)s, interval '24 hours') d (day)
CROSS JOIN LATERAL (
    -- Single calls can change where one of both sums does.
    SELECT CASE WHEN count(*) FILTER (WHERE NOT s.stale AND s.version IS NOT NULL)
        = CASE %(source)s WHEN 'calls' THEN 2 ELSE 1 END THEN max(s.version) END AS version
    FROM _genai.summed_day s
    WHERE s.bucket = d.day AND (%(source)s = 'calls'
        OR s.level = CASE %(source)s WHEN 'series' THEN 'hour' ELSE 'identity_hour' END)
) v
LEFT JOIN _genai.budget_sealed z ON (z.environment, z.data_mode, z.dimension, z.day)
    = (%(environment)s, %(data_mode)s, %(dimension)s, d.day)
WHERE v.version IS NULL OR (z.version, z.scopes) IS DISTINCT FROM (v.version, %(scopes)s)


-- budget_open_ranges --
-- The same as ranges of consecutive days. Parameters: environment, data_mode, dimension.
SELECT min(o.day) AS "from", max(o.day) + interval '24 hours' AS "to"
FROM (
    SELECT o.day, o.day - interval '24 hours' * row_number() OVER (ORDER BY o.day) AS range
    FROM budget_open_day o
    WHERE (o.environment, o.data_mode, o.dimension) = (%(environment)s, %(data_mode)s, %(dimension)s)
) o
GROUP BY o.range
ORDER BY 1


-- sum_budget_days --
-- Sum the days [from, to) for all scopes of a kind. Parameters: environment, data_mode, dimension, first, second, from, to.
WITH used AS MATERIALIZED (
    SELECT s.id AS scope_id, u.day, sum(u.calls)::bigint AS calls, sum(u.requests)::bigint AS requests,
        sum(u.unpriced_calls)::bigint AS unpriced_calls, sum(u.uncertain_calls)::bigint AS uncertain_calls,
        sum(u.cost_pico_usd) AS cost_pico_usd
    FROM (
        SELECT u.time AS day, CASE WHEN f.is_folded THEN '__other__' ELSE u.first END AS first,
            CASE WHEN f.is_folded AND %(second)s <> '' THEN '__other__' ELSE u.second END AS second,
            u.calls, u.requests, u.unpriced_calls, u.uncertain_calls, u.cost_pico_usd
        FROM genai.scope_usage(%(from)s, %(to)s, interval '24 hours', %(environment)s, %(data_mode)s, %(first)s, %(second)s) u
        CROSS JOIN LATERAL (SELECT '__other__' IN (u.first, u.second) AS is_folded) f
    ) u
    JOIN _genai.budget_scope s ON s.first = u.first AND s.second = u.second
    WHERE s.in_use AND (s.environment, s.data_mode, s.dimension) = (%(environment)s, %(data_mode)s, %(dimension)s)
    GROUP BY s.id, u.day
), emptied AS (
    DELETE FROM _genai.budget_day d USING _genai.budget_scope s
    WHERE d.day >= %(from)s AND d.day < %(to)s AND s.id = d.scope_id
        AND (s.environment, s.data_mode, s.dimension) = (%(environment)s, %(data_mode)s, %(dimension)s)
        AND NOT EXISTS (SELECT FROM used u WHERE (u.scope_id, u.day) = (d.scope_id, d.day))
)
-- A conflict would lock the row, and write it, even where nothing of it changes.
INSERT INTO _genai.budget_day AS d (scope_id, day, calls, requests, unpriced_calls, uncertain_calls, cost_pico_usd)
SELECT u.scope_id, u.day, u.calls, u.requests, u.unpriced_calls, u.uncertain_calls, u.cost_pico_usd
FROM used u
LEFT JOIN _genai.budget_day k ON (k.scope_id, k.day) = (u.scope_id, u.day) AND k.day >= %(from)s AND k.day < %(to)s
WHERE (k.calls, k.requests, k.unpriced_calls, k.uncertain_calls, k.cost_pico_usd) IS DISTINCT FROM
    (u.calls, u.requests, u.unpriced_calls, u.uncertain_calls, u.cost_pico_usd)
ON CONFLICT (scope_id, day) DO UPDATE SET calls = excluded.calls, requests = excluded.requests,
    unpriced_calls = excluded.unpriced_calls, uncertain_calls = excluded.uncertain_calls,
    cost_pico_usd = excluded.cost_pico_usd


-- seal_budget_days --
-- These days need not be summed again until their sums have another version. Parameters: environment, data_mode,
-- dimension, scopes.
INSERT INTO _genai.budget_sealed (environment, data_mode, dimension, day, version, scopes)
SELECT o.environment, o.data_mode, o.dimension, o.day, o.version, %(scopes)s
FROM budget_open_day o
WHERE o.version IS NOT NULL
    AND (o.environment, o.data_mode, o.dimension) = (%(environment)s, %(data_mode)s, %(dimension)s)
ON CONFLICT (environment, data_mode, dimension, day) DO UPDATE SET version = excluded.version, scopes = excluded.scopes


-- create_budget_tables --
-- What one run works with.
CREATE TEMP TABLE budget_open_day (
    environment text COLLATE "C", data_mode text COLLATE "C", dimension text COLLATE "C", day timestamptz, version bigint
) ON COMMIT DROP;
CREATE TEMP TABLE budget_spent (
    budget text COLLATE "C", scope_id bigint, period text COLLATE "C", period_start timestamptz, period_end timestamptz,
    calls bigint, requests bigint, unpriced_calls bigint, uncertain_calls bigint, unread_spans bigint, is_folded boolean,
    cost_pico_usd numeric
) ON COMMIT DROP;
CREATE TEMP TABLE budget_hour (
    scope_id bigint, hour timestamptz, calls bigint, requests bigint, unpriced_calls bigint, uncertain_calls bigint,
    cost_pico_usd numeric
) ON COMMIT DROP;
CREATE INDEX ON budget_hour (scope_id, hour);
CREATE TEMP TABLE budget_search (
    event_id bigint, scope_id bigint, needed numeric, day timestamptz, day_mark text, hour timestamptz, hour_mark text,
    crossed_at timestamptz
) ON COMMIT DROP;


-- spend_of_budget_days --
-- The spend of every day that may have changed, by budget.
INSERT INTO budget_spent
SELECT b.name, s.id, 'day', o.day, o.day + interval '24 hours', coalesce(d.calls, 0), coalesce(d.requests, 0),
    coalesce(d.unpriced_calls, 0), coalesce(d.uncertain_calls, 0), 0, false, coalesce(d.cost_pico_usd, 0)
FROM budget_open_day o
JOIN _genai.budget_scope s ON (s.environment, s.data_mode, s.dimension) = (o.environment, o.data_mode, o.dimension)
JOIN _genai.budget b ON b.scope_id = s.id
LEFT JOIN _genai.budget_day d ON d.scope_id = s.id AND d.day = o.day
WHERE o.day + interval '24 hours' > b.since
    AND EXISTS (SELECT FROM _genai.budget_threshold t WHERE t.budget = b.name AND t.period = 'day')


-- spend_of_budget_months --
-- The spend of every month with such a day.
INSERT INTO budget_spent
SELECT b.name, s.id, 'month', o.month, e.month_end, coalesce(d.calls, 0), coalesce(d.requests, 0),
    coalesce(d.unpriced_calls, 0), coalesce(d.uncertain_calls, 0), 0, false, coalesce(d.cost_pico_usd, 0)
FROM (
    SELECT DISTINCT o.environment, o.data_mode, o.dimension, date_trunc('month', o.day, 'UTC') AS month FROM budget_open_day o
) o
CROSS JOIN LATERAL (SELECT date_trunc('month', o.month + interval '32 days', 'UTC') AS month_end) e
JOIN _genai.budget_scope s ON (s.environment, s.data_mode, s.dimension) = (o.environment, o.data_mode, o.dimension)
JOIN _genai.budget b ON b.scope_id = s.id
LEFT JOIN _genai.budget_month d ON d.scope_id = s.id AND d.month = o.month
WHERE e.month_end > b.since
    AND EXISTS (SELECT FROM _genai.budget_threshold t WHERE t.budget = b.name AND t.period = 'month')


-- sum_budget_hours --
-- The hours of a day of a kind: of scopes whose hours are judged (`every`), or in which a crossing is searched.
-- Parameters: environment, data_mode, dimension, first, second, day, every, firsts (values of the first dimension; NULL: all).
INSERT INTO budget_hour
SELECT s.id, u.time, sum(u.calls)::bigint, sum(u.requests)::bigint, sum(u.unpriced_calls)::bigint,
    sum(u.uncertain_calls)::bigint, sum(u.cost_pico_usd)
FROM genai.scope_usage(%(day)s::timestamptz, %(day)s::timestamptz + interval '24 hours', interval '1 hour', %(environment)s, %(data_mode)s,
    %(first)s, %(second)s, %(firsts)s::text[]) u
JOIN _genai.budget_scope s ON s.first = u.first AND s.second = u.second
WHERE s.in_use AND (s.environment, s.data_mode, s.dimension) = (%(environment)s, %(data_mode)s, %(dimension)s)
    AND CASE WHEN %(every)s
        THEN EXISTS (SELECT FROM _genai.budget b JOIN _genai.budget_threshold t ON t.budget = b.name
            WHERE b.scope_id = s.id AND t.period = 'hour')
        ELSE EXISTS (SELECT FROM budget_search x WHERE x.scope_id = s.id AND x.day = %(day)s AND x.hour IS NULL)
    END
GROUP BY 1, 2


-- budget_hour_days --
-- Days whose hours are judged: those that may have changed, of kinds with a budget by the hour that was in force then.
SELECT o.environment, o.data_mode, o.dimension, o.day
FROM budget_open_day o
WHERE EXISTS (
    SELECT FROM _genai.budget_threshold t JOIN _genai.budget b ON b.name = t.budget
    JOIN _genai.budget_scope s ON s.id = b.scope_id
    WHERE t.period = 'hour' AND o.day + interval '24 hours' > b.since
        AND (s.environment, s.data_mode, s.dimension) = (o.environment, o.data_mode, o.dimension))


-- spend_of_budget_hours --
-- The spend of these hours, by budget. The running hour always has a row. Parameter: now.
INSERT INTO budget_spent
SELECT b.name, h.scope_id, 'hour', h.hour, h.hour + interval '1 hour', h.calls, h.requests, h.unpriced_calls,
    h.uncertain_calls, 0, false, h.cost_pico_usd
FROM (
    SELECT h.* FROM budget_hour h
    UNION ALL
    SELECT s.id, date_bin('1 hour', %(now)s::timestamptz, 'epoch'), 0, 0, 0, 0, 0
    FROM _genai.budget_scope s
    WHERE s.in_use AND NOT EXISTS (
        SELECT FROM budget_hour h WHERE h.scope_id = s.id AND h.hour = date_bin('1 hour', %(now)s::timestamptz, 'epoch'))
) h
JOIN _genai.budget b ON b.scope_id = h.scope_id
WHERE h.hour + interval '1 hour' > b.since
    AND EXISTS (SELECT FROM _genai.budget_threshold t WHERE t.budget = b.name AND t.period = 'hour')


-- doubt_budget_spend --
-- What makes the sums lower bounds beside their own calls: usage that no rule reads, and calls beyond the day's cap.
-- Unread usage belongs to every budget of its place, since nobody knows its endpoint, tenant or model.
UPDATE budget_spent p SET unread_spans = w.unread, is_folded = w.is_folded
FROM _genai.budget_scope s
CROSS JOIN LATERAL (SELECT coalesce(CASE 'service' WHEN split_part(s.dimension, ',', 1) THEN s.first
    WHEN split_part(s.dimension, ',', 2) THEN s.second END, '*') AS service) v
JOIN (
    SELECT k.*, genai.unread_spans(k.period_start, k.period_end, k.environment, k.data_mode, k.service) AS unread,
        EXISTS (
            SELECT FROM _genai.budget_scope f JOIN _genai.budget_day d ON d.scope_id = f.id
            WHERE f.first = '__other__' AND d.calls > 0
                AND (f.environment, f.data_mode, f.dimension) = (k.environment, k.data_mode, k.dimension)
                AND d.day >= date_bin('1 day', k.period_start, 'epoch') AND d.day < k.period_end) AS is_folded
    FROM (
        SELECT DISTINCT p.period_start, p.period_end, s.environment, s.data_mode, s.dimension, coalesce(CASE 'service'
            WHEN split_part(s.dimension, ',', 1) THEN s.first WHEN split_part(s.dimension, ',', 2) THEN s.second END, '*') AS service
        FROM budget_spent p JOIN _genai.budget_scope s ON s.id = p.scope_id
    ) k
) w ON (w.environment, w.data_mode, w.dimension, w.service) = (s.environment, s.data_mode, s.dimension, v.service)
WHERE p.scope_id = s.id AND (p.period_start, p.period_end) = (w.period_start, w.period_end) AND (w.unread > 0 OR w.is_folded)


-- raise_budget_events --
-- An event for each state that a judged period has reached, once; what was cleared and comes back is noted on its event.
-- Parameter: now.
INSERT INTO _genai.budget_event AS e (
    budget, scope_id, owner, period, period_start, period_end, state, measure, limit_pico_usd, reached_pico_usd,
    noticed_at, is_late, cost_pico_usd, count, at_least, crossed_at)
SELECT p.budget, p.scope_id, b.owner, p.period, p.period_start, p.period_end, t.state, t.measure, t.limit_pico_usd,
    t.reached_pico_usd, %(now)s, %(now)s >= p.period_end + interval '5 minutes', p.cost_pico_usd, p.count,
    p.is_folded OR genai.at_least(p.unpriced_calls, p.uncertain_calls, p.unread_spans),
    CASE t.measure WHEN 'unit_cost' THEN p.period_end END
FROM (
    SELECT p.*, CASE WHEN s.dimension LIKE '%%model%%' THEN p.calls ELSE p.requests END AS count
    FROM budget_spent p JOIN _genai.budget_scope s ON s.id = p.scope_id
) p
JOIN _genai.budget b ON b.name = p.budget
JOIN _genai.budget_threshold t ON t.budget = p.budget AND t.period = p.period
WHERE CASE t.measure WHEN 'spend' THEN p.cost_pico_usd >= t.reached_pico_usd
    ELSE p.count >= t.min_count AND p.cost_pico_usd > t.limit_pico_usd * p.count
        AND p.period_end + interval '3 minutes' <= %(now)s END
ORDER BY p.period_start, b.place, t.reached_pico_usd
ON CONFLICT (budget, period, period_start, state, measure, limit_pico_usd, scope_id) DO UPDATE
SET returned_at = excluded.noticed_at
WHERE e.cleared_at IS NOT NULL AND coalesce(e.returned_at < e.cleared_at, true)


-- clear_budget_events --
-- Events whose period is below their limit again. Parameter: now.
UPDATE _genai.budget_event e SET cleared_at = %(now)s, cleared_pico_usd = p.cost_pico_usd
FROM (
    SELECT p.*, CASE WHEN s.dimension LIKE '%%model%%' THEN p.calls ELSE p.requests END AS count
    FROM budget_spent p JOIN _genai.budget_scope s ON s.id = p.scope_id
) p
JOIN _genai.budget_threshold t ON t.budget = p.budget AND t.period = p.period
WHERE (e.budget, e.scope_id, e.period, e.period_start) = (p.budget, p.scope_id, p.period, p.period_start)
    AND (e.state, e.measure, e.limit_pico_usd) = (t.state, t.measure, t.limit_pico_usd)
    AND (e.cleared_at IS NULL OR e.returned_at >= e.cleared_at)
    AND NOT CASE t.measure WHEN 'spend' THEN p.cost_pico_usd >= e.reached_pico_usd
        ELSE p.count >= t.min_count AND p.cost_pico_usd > t.limit_pico_usd * p.count END


-- keep_budget_states --
-- The running period of every budget, with what a projection needs: the spend of its last full days, at most seven, from
-- the day after its first. They are added up once a day, and when one of them may have changed. Parameter: now.
WITH t AS (
    SELECT date_bin('1 day', %(now)s::timestamptz, 'epoch') AS today
), running AS MATERIALIZED (
    SELECT p.*, o.week_pico_usd, o.full_days, p.period = 'month' AND (o.week_until IS DISTINCT FROM t.today OR EXISTS (
        SELECT FROM budget_open_day d WHERE d.day < t.today AND d.day >= t.today - interval '14 days'
            AND (d.environment, d.data_mode, d.dimension) = (s.environment, s.data_mode, s.dimension))) AS is_week_due
    FROM budget_spent p
    CROSS JOIN t
    JOIN _genai.budget_scope s ON s.id = p.scope_id
    LEFT JOIN _genai.budget_state o ON (o.budget, o.period, o.scope_id) = (p.budget, p.period, p.scope_id)
    WHERE p.period_start <= %(now)s AND p.period_end > %(now)s
), week AS (
    SELECT w.scope_id, w.cost_pico_usd - coalesce(f.cost_pico_usd, 0) AS cost_pico_usd,
        (extract(epoch FROM w.today - greatest(w.first + interval '24 hours', w.today - interval '7 days')) / 86400)::integer
            AS full_days
    FROM (
        SELECT d.scope_id, t.today, min(d.day) AS first, sum(d.cost_pico_usd) FILTER (WHERE d.day >= t.today - interval '7 days')
            AS cost_pico_usd
        FROM t
        JOIN _genai.budget_day d ON d.day < t.today AND d.day >= t.today - interval '14 days'
        WHERE d.scope_id IN (SELECT r.scope_id FROM running r WHERE r.is_week_due)
        GROUP BY d.scope_id, t.today
    ) w
    -- The first day of a scope is seldom a full one.
    LEFT JOIN _genai.budget_day f ON f.scope_id = w.scope_id AND f.day = w.first AND w.first >= w.today - interval '7 days'
        AND f.day >= date_bin('1 day', %(now)s::timestamptz, 'epoch') - interval '7 days'
), state AS (
    SELECT r.budget, r.scope_id, r.period, r.period_start, r.calls, r.requests, r.unpriced_calls, r.uncertain_calls, r.unread_spans,
        r.is_folded, r.cost_pico_usd, CASE WHEN r.is_week_due THEN w.cost_pico_usd ELSE r.week_pico_usd END AS week_pico_usd,
        CASE WHEN r.is_week_due THEN w.full_days ELSE r.full_days END AS full_days,
        CASE r.period WHEN 'month' THEN t.today END AS week_until
    FROM running r
    CROSS JOIN t
    LEFT JOIN week w ON w.scope_id = r.scope_id AND r.is_week_due
)
INSERT INTO _genai.budget_state (
    budget, scope_id, period, period_start, calls, requests, unpriced_calls, uncertain_calls, unread_spans, is_folded, cost_pico_usd,
    week_pico_usd, full_days, week_until)
SELECT n.budget, n.scope_id, n.period, n.period_start, n.calls, n.requests, n.unpriced_calls, n.uncertain_calls, n.unread_spans,
    n.is_folded, n.cost_pico_usd, n.week_pico_usd, n.full_days, n.week_until
FROM state n
LEFT JOIN _genai.budget_state o ON (o.budget, o.period) = (n.budget, n.period)
WHERE (o.scope_id, o.period_start, o.calls, o.requests, o.unpriced_calls, o.uncertain_calls, o.unread_spans, o.is_folded,
        o.cost_pico_usd, o.week_pico_usd, o.full_days, o.week_until)
    IS DISTINCT FROM (n.scope_id, n.period_start, n.calls, n.requests, n.unpriced_calls, n.uncertain_calls, n.unread_spans,
        n.is_folded, n.cost_pico_usd, n.week_pico_usd, n.full_days, n.week_until)
ON CONFLICT (budget, period) DO UPDATE SET scope_id = excluded.scope_id, period_start = excluded.period_start, calls = excluded.calls,
    requests = excluded.requests, unpriced_calls = excluded.unpriced_calls, uncertain_calls = excluded.uncertain_calls,
    unread_spans = excluded.unread_spans, is_folded = excluded.is_folded, cost_pico_usd = excluded.cost_pico_usd,
    week_pico_usd = excluded.week_pico_usd, full_days = excluded.full_days, week_until = excluded.week_until


-- search_budget_days --
-- Where the sums of judged periods crossed, in the order of the calls' starts: first the day. What was found in the same
-- figures before is not searched again.
INSERT INTO budget_search (event_id, scope_id, needed, day, day_mark)
SELECT e.id, e.scope_id, e.reached_pico_usd - c.before, c.day, c.mark
FROM budget_spent p
JOIN _genai.budget_event e ON (e.budget, e.scope_id, e.period, e.period_start)
    = (p.budget, p.scope_id, p.period, p.period_start)
CROSS JOIN LATERAL (
    SELECT d.day, d.through - d.cost_pico_usd AS before,
        concat_ws(' ', extract(epoch FROM d.day), d.through - d.cost_pico_usd, d.cost_pico_usd, d.calls) AS mark
    FROM (
        SELECT d.day, d.cost_pico_usd, d.calls, sum(d.cost_pico_usd) OVER (ORDER BY d.day) AS through
        FROM _genai.budget_day d
        WHERE d.scope_id = e.scope_id AND d.day >= e.period_start AND d.day < e.period_end
    ) d
    WHERE d.through >= e.reached_pico_usd
    ORDER BY d.day
    LIMIT 1
) c
WHERE e.measure = 'spend' AND p.period <> 'hour' AND p.cost_pico_usd >= e.reached_pico_usd
    AND c.mark IS DISTINCT FROM e.day_mark


-- budget_search_days --
-- In which days of which kinds to look for the hour, and of whom.
SELECT s.environment, s.data_mode, s.dimension, x.day, array_agg(DISTINCT s.first) AS firsts
FROM budget_search x JOIN _genai.budget_scope s ON s.id = x.scope_id
WHERE x.hour IS NULL
GROUP BY 1, 2, 3, 4


-- forget_budget_hours --
-- Make room for the hours of other days.
TRUNCATE budget_hour


-- search_budget_hours --
-- The hour of each crossing, and what is needed within it.
UPDATE budget_search x SET hour = f.hour, needed = x.needed - f.before, hour_mark = f.mark
FROM (
    SELECT x.event_id, c.*
    FROM budget_search x
    CROSS JOIN LATERAL (
        SELECT h.hour, h.through - h.cost_pico_usd AS before, concat_ws(' ', extract(epoch FROM h.hour),
            x.needed - h.through + h.cost_pico_usd, h.cost_pico_usd, h.calls) AS mark
        FROM (
            SELECT h.hour, h.cost_pico_usd, h.calls, sum(h.cost_pico_usd) OVER (ORDER BY h.hour) AS through
            FROM budget_hour h
            WHERE h.scope_id = x.scope_id AND h.hour >= x.day AND h.hour < x.day + interval '24 hours'
        ) h
        WHERE h.through >= x.needed
        ORDER BY h.hour
        LIMIT 1
    ) c
    WHERE x.hour IS NULL
) f
WHERE f.event_id = x.event_id


-- search_budget_rates --
-- Crossings within an hour that is a period of its own.
INSERT INTO budget_search (event_id, scope_id, needed, hour, hour_mark)
SELECT e.id, e.scope_id, e.reached_pico_usd, p.period_start, concat_ws(' ', p.cost_pico_usd, p.calls)
FROM budget_spent p
JOIN _genai.budget_event e ON (e.budget, e.scope_id, e.period, e.period_start)
    = (p.budget, p.scope_id, p.period, p.period_start)
WHERE e.measure = 'spend' AND p.period = 'hour' AND p.cost_pico_usd >= e.reached_pico_usd
    AND concat_ws(' ', p.cost_pico_usd, p.calls) IS DISTINCT FROM e.hour_mark


-- drop_known_searches --
-- What was found in the same hour's figures before; its day is noted as looked at.
WITH known AS (
    DELETE FROM budget_search x USING _genai.budget_event e WHERE e.id = x.event_id AND e.hour_mark = x.hour_mark
    RETURNING x.event_id, x.day_mark
)
UPDATE _genai.budget_event e SET day_mark = k.day_mark FROM known k WHERE e.id = k.event_id AND k.day_mark IS NOT NULL


-- budget_search_calls --
-- In which hours of which kinds to look for the call.
SELECT DISTINCT s.environment, s.data_mode, s.dimension, x.hour
FROM budget_search x JOIN _genai.budget_scope s ON s.id = x.scope_id
WHERE x.hour IS NOT NULL


-- search_budget_calls --
-- The start of the call that crossed. Calls of the same start count together, so that no order among them is preferred.
-- Parameters: environment, data_mode, dimension, first, second, hour.
UPDATE budget_search x SET crossed_at = f.time
FROM (
    SELECT x.event_id, min(c.time) AS time
    FROM (
        SELECT s.id AS scope_id, u.time, sum(u.cost_pico_usd) OVER (PARTITION BY s.id ORDER BY u.time) AS through
        FROM genai.scope_usage(%(hour)s::timestamptz, %(hour)s::timestamptz + interval '1 hour', NULL, %(environment)s, %(data_mode)s, %(first)s,
            %(second)s) u
        JOIN _genai.budget_scope s ON s.first = u.first AND s.second = u.second
        WHERE s.id IN (SELECT x.scope_id FROM budget_search x WHERE x.hour = %(hour)s)
            AND (s.environment, s.data_mode, s.dimension) = (%(environment)s, %(data_mode)s, %(dimension)s)
    ) c
    JOIN budget_search x ON x.scope_id = c.scope_id AND x.hour = %(hour)s AND c.through >= x.needed
    GROUP BY x.event_id
) f
WHERE f.event_id = x.event_id


-- settle_budget_events --
-- When each crossed; the hour where its calls are gone.
UPDATE _genai.budget_event e SET crossed_at = coalesce(x.crossed_at, x.hour), day_mark = coalesce(x.day_mark, e.day_mark),
    hour_mark = x.hour_mark
FROM budget_search x
WHERE e.id = x.event_id AND x.hour IS NOT NULL


-- note_budget_run --
-- When budgets were judged last, and how long it took. Parameter: now.
INSERT INTO _genai.budget_run AS r (judged_at, milliseconds, file_id)
SELECT %(now)s, extract(epoch FROM clock_timestamp() - now()) * 1000, max(o.id)
FROM _genai.operator_file o WHERE o.kind = 'budgets'
ON CONFLICT (one) DO UPDATE SET judged_at = excluded.judged_at, milliseconds = excluded.milliseconds,
    file_id = excluded.file_id


-- forget_budget_days --
-- Days that no period needs any more. Parameter: now.
WITH old AS (SELECT date_trunc('month', %(now)s::timestamptz, 'UTC') - interval '70 days' AS day), unsealed AS (
    DELETE FROM _genai.budget_sealed z USING old o WHERE z.day < o.day
), emptied AS (
    DELETE FROM _genai.budget_month m USING old o WHERE m.month < date_trunc('month', o.day, 'UTC')
)
DELETE FROM _genai.budget_day d USING old o WHERE d.day < o.day


-- take_acknowledgements --
-- Whoever took on the alert of an event in the inbox looks after it.
UPDATE _genai.budget_event e SET acknowledged_at = a.state_at, acknowledged_by = a.state_by
FROM (
    SELECT DISTINCT ON (a.scope, a.rule, a.starts_at) a.scope, a.environment, a.data_mode, a.starts_at, a.state_at, a.state_by,
        a.value, CASE a.rule WHEN 'budget_warning' THEN 'warning' WHEN 'budget_exceeded' THEN 'exceeded'
            ELSE 'spend_alert' END AS state
    FROM _genai.alert_episode a
    WHERE a.rule IN ('budget_warning', 'budget_exceeded', 'spend_alert', 'spend_rate') AND a.state IN ('acknowledged', 'contained')
    ORDER BY a.scope, a.rule, a.starts_at, a.state_at
) a
JOIN _genai.budget_scope s ON (s.environment, s.data_mode) = (a.environment, a.data_mode)
WHERE e.acknowledged_at IS NULL AND (e.budget, e.state, e.scope_id) = (a.scope, a.state, s.id)
    AND a.starts_at >= e.noticed_at AND a.starts_at < e.noticed_at + interval '24 hours'


-- acknowledge_budget_event --
-- Somebody looks after it: its alert ends. Parameters: id, by, now.
UPDATE _genai.budget_event e SET acknowledged_at = %(now)s, acknowledged_by = %(by)s
WHERE e.id = %(id)s AND e.acknowledged_at IS NULL
RETURNING e.id
