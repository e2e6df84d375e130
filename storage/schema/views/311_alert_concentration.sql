-- ranges: storage/schema/measures.py
-- A tenant's or user's share of the spend against its own usual share (DESIGN §8).

-- What each spent: in the whole hour before the running one and as much of that as is over (`hours` 0), and in the same
-- part of the hours 24 and 168 hours before. The running hour counts once it has at most half a million calls: its calls
-- are read one by one.
CREATE FUNCTION genai.alert_identity_spend(p_to timestamptz, p_place text, p_kind text)
RETURNS TABLE (
    hours integer, env text, data_mode text, name text, calls double precision, usd double precision, window_to timestamptz
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH span AS MATERIALIZED (
        SELECT date_bin('1 hour', p_to, 'epoch') AS hour, CASE WHEN (
            SELECT coalesce(genai.total(h.calls), 0) <= 500000 FROM genai.measured_hour h
            WHERE h.bucket = date_bin('1 hour', p_to, 'epoch')) THEN p_to ELSE date_bin('1 hour', p_to, 'epoch') END AS window_to
    ), part AS (
        SELECT 0 AS hours, c.series_id, c.identity_id, 1::float8 AS weight, c.calls, {input_cost_pico_usd..other_cost_pico_usd+ coalesce(c.#, 0)} AS cost
        FROM genai.measured_call c
        WHERE c.bucket >= (SELECT s.hour FROM span s) AND c.bucket < (SELECT s.window_to FROM span s)
        UNION ALL
        SELECT v.hours, h.series_id, h.identity_id, CASE WHEN h.bucket < s.hour - make_interval(hours => v.hours) THEN 1
                ELSE extract(epoch FROM s.window_to - s.hour) / 3600 END, h.calls, {input_cost_pico_usd..other_cost_pico_usd+ coalesce(h.#, 0)}
        FROM span s
        CROSS JOIN (VALUES (0), (24), (168)) v (hours)
        CROSS JOIN LATERAL (
            SELECT h.* FROM genai.measured_identity_hour h
            WHERE h.bucket = s.hour - make_interval(hours => v.hours + 1) OR h.bucket = s.hour - make_interval(hours => v.hours) AND v.hours > 0
            OFFSET 0) h
    )
    SELECT p.hours, s.environment, s.data_mode, CASE p_kind WHEN 'tenant' THEN i.tenant_id ELSE i.user_id END,
        sum(p.weight * p.calls), sum(p.weight * p.cost) * 1e-12, min(w.window_to)
    FROM part p
    CROSS JOIN span w
    JOIN genai.series s ON s.id = p.series_id
    JOIN genai.identity i ON i.id = p.identity_id
    WHERE genai.is_at_place(p_place, s.environment, s.data_mode)
    GROUP BY p.hours, s.environment, s.data_mode, 4
$$;

-- Environments in which services that make at least a tenth of the usual spend send late: shares there say nothing yet.
CREATE FUNCTION genai.alert_late_parts(p_now timestamptz)
RETURNS TABLE (env text, data_mode text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH late AS MATERIALIZED (SELECT g.* FROM genai.late_senders(p_now) g)
    SELECT s.environment, s.data_mode
    FROM (VALUES (24), (168)) v (hours)
    CROSS JOIN LATERAL (
        SELECT h.series_id, {input_cost_pico_usd..other_cost_pico_usd+ coalesce(h.#, 0)} AS cost
        FROM genai.measured_hour h
        WHERE h.bucket = date_bin('1 hour', p_now, 'epoch') - make_interval(hours => v.hours) AND EXISTS (SELECT FROM late)
    ) h
    JOIN genai.series s ON s.id = h.series_id
    GROUP BY s.environment, s.data_mode
    HAVING coalesce(sum(h.cost) FILTER (WHERE (s.environment, s.data_mode, s.service_name) IN (
        SELECT g.env, g.data_mode, g.service FROM late g)), 0) >= 0.1 * sum(h.cost)
        AND (s.environment, s.data_mode) IN (SELECT g.env, g.data_mode FROM late g)
$$;

-- One rule for both kinds. The share must pass the threshold, and twice the usual one or half way from there to all; the
-- spend must have grown, not the others' shrunk; and there must be at least three names, then and now.
-- While calls come late, it holds.
CREATE FUNCTION genai.alert_concentration(p_now timestamptz, p_place text, p_kind text)
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH spend AS MATERIALIZED (SELECT u.* FROM genai.alert_identity_spend(genai.alert_end(p_now), p_place, p_kind) u),
    whole AS MATERIALIZED (
        SELECT s.hours, s.env, s.data_mode, sum(s.calls) AS calls, sum(s.usd) AS usd,
            count(*) FILTER (WHERE genai.is_named(s.name)) AS names
        FROM spend s GROUP BY s.hours, s.env, s.data_mode
    ), candidate AS MATERIALIZED (
        -- Who spends little is no large share: of fifty thousand users these are looked at.
        SELECT n.* FROM spend n WHERE n.hours = 0 AND genai.is_named(n.name) ORDER BY n.usd DESC LIMIT 200
    ), usual AS MATERIALIZED (
        -- Of everybody seen now, the baseline with the larger share; 0 for who was not there.
        SELECT DISTINCT ON (n.env, n.data_mode, n.name) n.env, n.data_mode, n.name, w.hours,
            coalesce(b.usd / nullif(w.usd, 0), 0) AS share, coalesce(b.calls, 0) AS calls, coalesce(b.usd, 0) AS usd
        FROM candidate n
        JOIN whole w ON w.hours > 0 AND (w.env, w.data_mode) = (n.env, n.data_mode)
        CROSS JOIN LATERAL genai.alert_limit('concentration_' || p_kind) l
        LEFT JOIN spend b ON (b.hours, b.env, b.data_mode, b.name) = (w.hours, n.env, n.data_mode, n.name)
        WHERE w.calls >= l.minimum AND w.names >= 3
        ORDER BY n.env, n.data_mode, n.name, b.usd / nullif(w.usd, 0) DESC NULLS LAST, w.hours
    ), late AS MATERIALIZED (SELECT g.* FROM genai.alert_late_parts(p_now) g)
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW(n.env, n.data_mode, '', '', '', CASE p_kind WHEN 'tenant' THEN n.name ELSE '' END,
            CASE p_kind WHEN 'user' THEN n.name ELSE '' END, '', '', coalesce(o.owner, ''),
            CASE WHEN (n.env, n.data_mode) IN (SELECT g.env, g.data_mode FROM late g) THEN 0.9
                WHEN l.enabled AND w.names >= 3 AND genai.has_moved(u.calls::numeric, n.calls::numeric, u.usd::numeric, n.usd::numeric)
                THEN genai.alert_number(greatest(0, least(n.usd / nullif(w.usd, 0) / t.share, w.calls / nullif(l.minimum, 0),
                    (n.usd - u.usd) / nullif(l.minimum_usd, 0)))) ELSE 0 END,
            genai.alert_number(n.usd / nullif(w.usd, 0)), t.share, u.hours,
            date_bin('1 hour', genai.alert_end(p_now), 'epoch') - interval '1 hour', n.window_to)::genai.alert_row
        FROM candidate n
        JOIN whole w ON w.hours = 0 AND (w.env, w.data_mode) = (n.env, n.data_mode)
        JOIN usual u ON (u.env, u.data_mode, u.name) = (n.env, n.data_mode, n.name)
        CROSS JOIN LATERAL genai.alert_limit('concentration_' || p_kind,
            p_tenant => CASE p_kind WHEN 'tenant' THEN n.name END, p_user => CASE p_kind WHEN 'user' THEN n.name END) l
        CROSS JOIN LATERAL (
            SELECT greatest(l.threshold, least(2 * u.share, u.share + (1 - u.share) / 2)) AS share
        ) t
        LEFT JOIN LATERAL genai.owner_of('', '') o ON true
    ), date_bin('1 hour', genai.alert_end(p_now), 'epoch') - interval '1 hour', genai.alert_end(p_now)) r
$$;

CREATE FUNCTION genai.alert_concentration_tenant(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM genai.alert_concentration(p_now, p_place, 'tenant') r
$$;

CREATE FUNCTION genai.alert_concentration_user(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM genai.alert_concentration(p_now, p_place, 'user') r
$$;
