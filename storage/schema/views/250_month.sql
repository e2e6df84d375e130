-- Spend by calendar month (UTC), from the hours: exact, for a month begins with an hour.

-- The month of `p_to`: spent so far, and where it would end. The projection adds, for each day that is left, the mean
-- of the last seven full days (of those there are); before there is one full day there is no projection. `invoice_usd`
-- is what providers bill, real and test data of all environments, `outside_usd` the part of it that the selection leaves out.
CREATE FUNCTION genai.month_state(p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE (
    month timestamptz, spent_usd numeric, projected_usd numeric, last_month_usd numeric, last_month_to_date_usd numeric,
    projected_ratio double precision, invoice_usd numeric, outside_usd numeric, unpriced_calls bigint,
    uncertain_share double precision, unread_spans bigint, spent text, projected text, last_month text, last_month_to_date text,
    change text, invoice text, outside text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT b.begun, s.spent * 1e-12,
        round((s.spent + s.week / d.full_days * greatest(extract(epoch FROM b.ends - p_to)::numeric, 0) / 86400)
            * 1e-12, 12),
        s.last_month * 1e-12, s.last_to_date * 1e-12,
        ((s.spent + s.week / d.full_days * greatest(extract(epoch FROM b.ends - p_to)::numeric, 0) / 86400)
            / nullif(s.last_month, 0))::float8,
        s.invoice * 1e-12, s.outside * 1e-12, s.unpriced::bigint, (s.uncertain / nullif(s.calls, 0))::float8,
        r.unread, genai.cost_text(s.spent * 1e-12, genai.at_least(s.unpriced, s.uncertain, r.unread), s.calls, 'no data'),
        CASE WHEN d.full_days IS NULL THEN 'no full day yet' ELSE genai.money_text(
            round((s.spent + s.week / d.full_days * greatest(extract(epoch FROM b.ends - p_to)::numeric, 0) / 86400) * 1e-12, 12),
            genai.at_least(s.unpriced, s.uncertain, r.unread)) END,
        genai.cost_text(s.last_month * 1e-12, s.last_unpriced > 0, s.last_calls, 'no data'),
        genai.cost_text(s.last_to_date * 1e-12, s.date_unpriced > 0, s.date_calls, 'no data'),
        CASE WHEN s.date_calls = 0 THEN 'no data' ELSE genai.change_and_share_text((s.spent - s.last_to_date) * 1e-12,
            CASE WHEN genai.is_comparable(s.date_calls, s.calls)
                THEN ((s.spent - s.last_to_date) / nullif(s.last_to_date, 0))::float8 END, s.unpriced + s.date_unpriced > 0) END,
        genai.cost_text(s.invoice * 1e-12, s.invoice_unpriced > 0, s.invoice_calls, 'no data'),
        genai.cost_text(s.outside * 1e-12, s.outside_unpriced > 0, s.outside_calls, 'nothing')
    FROM (
        SELECT c.begun, c.ends, c.last, c.today, least(c.begun, c.last + (p_to - c.begun)) AS moment
        FROM (
            SELECT date_trunc('month', p_to, 'UTC') AS begun,
                date_trunc('month', date_trunc('month', p_to, 'UTC') + interval '32 days', 'UTC') AS ends,
                date_trunc('month', date_trunc('month', p_to, 'UTC') - interval '1 day', 'UTC') AS last,
                date_trunc('day', p_to, 'UTC') AS today
        ) c
    ) b
    CROSS JOIN LATERAL (
        -- From where on days are full: the ledger's first day seldom is.
        SELECT x.begun, nullif(greatest(extract(epoch FROM b.today - x.begun) / 86400, 0), 0) AS full_days
        FROM (
            SELECT greatest(b.today - interval '7 days',
                date_trunc('day', min(f.first_seen) + interval '86399.999999 seconds', 'UTC')) AS begun
            FROM genai.series_seen f
            WHERE (p_env = '*' OR f.environment = ANY (string_to_array(p_env, ',')))
                AND (p_data_mode = '*' OR f.data_mode = p_data_mode)
        ) x
    ) d
    CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(h.cost) FILTER (WHERE h.chosen AND h.part = 'month'), 0) AS spent,
            coalesce(sum(h.cost) FILTER (WHERE h.chosen AND h.part IN ('to date', 'rest')), 0) AS last_month,
            coalesce(sum(h.cost) FILTER (WHERE h.chosen AND h.part = 'to date'), 0) AS last_to_date,
            coalesce(sum(h.cost) FILTER (WHERE h.chosen AND h.part = 'week'), 0) AS week,
            coalesce(sum(h.cost) FILTER (WHERE h.billed AND h.part = 'month'), 0) AS invoice,
            coalesce(sum(h.cost) FILTER (WHERE h.billed AND NOT h.chosen AND h.part = 'month'), 0) AS outside,
            coalesce(sum(h.uncertain) FILTER (WHERE h.chosen AND h.part = 'month'), 0) AS uncertain,
            coalesce(sum(h.unpriced) FILTER (WHERE h.chosen AND h.part = 'month'), 0) AS unpriced,
            coalesce(sum(h.unpriced) FILTER (WHERE h.chosen AND h.part IN ('to date', 'rest')), 0) AS last_unpriced,
            coalesce(sum(h.unpriced) FILTER (WHERE h.chosen AND h.part = 'to date'), 0) AS date_unpriced,
            coalesce(sum(h.unpriced) FILTER (WHERE h.billed AND h.part = 'month'), 0) AS invoice_unpriced,
            coalesce(sum(h.unpriced) FILTER (WHERE h.billed AND NOT h.chosen AND h.part = 'month'), 0) AS outside_unpriced,
            coalesce(sum(h.calls) FILTER (WHERE h.chosen AND h.part = 'month'), 0) AS calls,
            coalesce(sum(h.calls) FILTER (WHERE h.chosen AND h.part IN ('to date', 'rest')), 0) AS last_calls,
            coalesce(sum(h.calls) FILTER (WHERE h.chosen AND h.part = 'to date'), 0) AS date_calls,
            coalesce(sum(h.calls) FILTER (WHERE h.billed AND h.part = 'month'), 0) AS invoice_calls,
            coalesce(sum(h.calls) FILTER (WHERE h.billed AND NOT h.chosen AND h.part = 'month'), 0) AS outside_calls
        FROM (
            SELECT u.part, u.cost, u.unpriced, u.uncertain, u.calls, genai.is_billed(u.environment, u.data_mode) AS billed,
                (p_env = '*' OR u.environment = ANY (string_to_array(p_env, ',')))
                    AND (p_data_mode = '*' OR u.data_mode = p_data_mode) AS chosen
            FROM (
                SELECT CASE m.side WHEN 1 THEN 'month' ELSE 'to date' END AS part, m.environment, m.data_mode,
                    m.cost_pico_usd AS cost, m.unpriced_calls AS unpriced, m.uncertain_calls AS uncertain, m.calls
                FROM genai.sums_of(b.begun, p_to, b.last || '..' || b.moment, '*', '*', '', NULL, NULL, NULL, NULL, NULL,
                    NULL, NULL, 'series') m
                UNION ALL
                SELECT CASE w.side WHEN 1 THEN 'week' ELSE 'rest' END, w.environment, w.data_mode, w.cost_pico_usd,
                    w.unpriced_calls, w.uncertain_calls, w.calls
                FROM genai.sums_of(d.begun, b.today, b.moment || '..' || b.begun, '*', '*', '', NULL, NULL, NULL, NULL,
                    NULL, NULL, NULL, 'series') w
            ) u
        ) h
    ) s
    CROSS JOIN LATERAL (SELECT genai.unread_spans(b.begun, p_to, p_env, p_data_mode) AS unread) r
$$;

-- Spend of each of the last twelve months, the current one so far, NULL without calls; `from_ms` and `until_ms` are its ends.
CREATE FUNCTION genai.month_history(p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE (month text, cost_usd numeric, calls bigint, from_ms bigint, until_ms bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_char(m.month AT TIME ZONE 'UTC', 'YYYY-MM'), u.cost, u.calls, (extract(epoch FROM m.month) * 1000)::bigint,
        (extract(epoch FROM least(date_trunc('month', m.month + interval '32 days', 'UTC'), p_to)) * 1000)::bigint
    FROM (
        SELECT date_trunc('month', p_to, 'UTC') AS current
    ) c
    CROSS JOIN LATERAL (
        SELECT (c.current AT TIME ZONE 'UTC' - make_interval(months => n.back)) AT TIME ZONE 'UTC' AS month
        FROM generate_series(0, 11) n (back)
    ) m
    LEFT JOIN (
        SELECT date_trunc('month', h.time, 'UTC') AS month, sum(h.cost_pico_usd) * 1e-12 AS cost, sum(h.calls)::bigint AS calls
        FROM genai.usage_by_step(
            date_trunc('month', date_trunc('month', p_to, 'UTC') - interval '330 days', 'UTC'), p_to, interval '1 day', p_env,
            p_data_mode, '', NULL, NULL, NULL, NULL, NULL, NULL) h
        GROUP BY 1
    ) u ON u.month = m.month
    ORDER BY m.month
$$;

-- The spend of the month of `p_to` from its beginning on, day by day, and that of the month before on the same days.
CREATE FUNCTION genai.month_course(p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE ("time" timestamptz, segment text, cost_usd numeric, until_ms bigint) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH day AS (
        SELECT h.time, sum(h.cost_pico_usd) AS cost
        FROM genai.usage_by_step(
            date_trunc('month', date_trunc('month', p_to, 'UTC') - interval '1 day', 'UTC'), p_to, interval '1 day', p_env,
            p_data_mode, '', NULL, NULL, NULL, NULL, NULL, NULL) h
        GROUP BY h.time
    )
    SELECT d.shown, d.segment, d.reached * 1e-12, (extract(epoch FROM d.shown + interval '1 day') * 1000)::bigint
    FROM (
        SELECT CASE WHEN d.time >= b.begun THEN d.time ELSE b.begun + (d.time - b.last) END AS shown,
            CASE WHEN d.time >= b.begun THEN 'this month' ELSE 'month before' END AS segment,
            sum(d.cost) OVER (PARTITION BY d.time >= b.begun ORDER BY d.time) AS reached
        FROM day d
        CROSS JOIN (SELECT date_trunc('month', p_to, 'UTC') AS begun,
            date_trunc('month', date_trunc('month', p_to, 'UTC') - interval '1 day', 'UTC') AS last) b
    ) d
    ORDER BY d.shown, d.segment
$$;

-- The month's spend by one dimension (tenant, service, endpoint or model) beside that of the month before up to the same
-- moment of it.
CREATE FUNCTION genai.month_by(p_dimension text, p_to timestamptz, p_env text, p_data_mode text, p_limit integer DEFAULT 15)
RETURNS TABLE (
    name text, cost_usd numeric, cost_share double precision, last_month_to_date_usd numeric, delta_usd numeric, calls bigint,
    spend text, before text, change text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT x.name, x.k1 * 1e-12, (x.k1 / nullif(sum(x.k1) OVER (), 0))::float8, x.k0 * 1e-12, (x.k1 - x.k0) * 1e-12,
        x.calls::bigint, genai.cost_text(x.k1 * 1e-12, x.unpriced > 0, x.calls),
        genai.cost_text(x.k0 * 1e-12, x.unpriced_before > 0, x.calls_before),
        CASE WHEN x.is_first THEN '–' ELSE genai.change_text((x.k1 - x.k0) * 1e-12, x.unpriced + x.unpriced_before > 0) END
    FROM (
        SELECT u.segment AS name, sum(u.cost_pico_usd * u.side) AS k1, sum(u.cost_pico_usd * (1 - u.side)) AS k0,
            sum(u.calls * u.side) AS calls, sum(u.calls * (1 - u.side)) AS calls_before,
            sum(u.unpriced_calls * u.side) AS unpriced, sum(u.unpriced_calls * (1 - u.side)) AS unpriced_before,
            sum(sum(u.calls * (1 - u.side))) OVER () = 0 AS is_first
        FROM (SELECT date_trunc('month', p_to, 'UTC') AS begun,
            date_trunc('month', date_trunc('month', p_to, 'UTC') - interval '1 day', 'UTC') AS last) b
        CROSS JOIN LATERAL genai.spend_of_both(
            b.begun, p_to, b.last || '..' || least(b.begun, b.last + (p_to - b.begun)), p_env, p_data_mode, p_dimension,
            NULL, NULL, NULL, NULL, NULL, NULL) u
        GROUP BY 1
    ) x
    ORDER BY x.k1 DESC, x.calls DESC, x.name
    LIMIT p_limit
$$;

-- Spend of every day of the month of `p_to` by endpoint, the seven most expensive by name.
CREATE FUNCTION genai.month_days(p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE ("time" timestamptz, segment text, cost_usd numeric, focus text, until_ms bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH day AS MATERIALIZED (
        SELECT u.time, u.segment, u.cost_pico_usd AS cost
        FROM genai.usage_by_step(
            date_trunc('month', p_to, 'UTC'), p_to, interval '1 day', p_env, p_data_mode, 'endpoint', NULL, NULL, NULL, NULL,
            NULL, NULL) u
    ), kept AS (
        SELECT d.segment FROM day d GROUP BY d.segment ORDER BY sum(d.cost) DESC, d.segment LIMIT 7
    )
    SELECT d.time, coalesce(k.segment, '(others)'), sum(d.cost) * 1e-12, coalesce(k.segment, '*'),
        (extract(epoch FROM d.time + interval '1 day') * 1000)::bigint
    FROM day d LEFT JOIN kept k ON k.segment = d.segment
    GROUP BY d.time, k.segment
    ORDER BY 1, 2
$$;
