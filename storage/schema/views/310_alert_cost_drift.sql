-- ranges: storage/schema/measures.py
-- Cost per request against a day and a week before (DESIGN §8).

-- What a request cost in the window (`hours` 0) and the same window 24 and 168 hours before, by endpoint and, where asked,
-- prompt version: requests with a price, USD, and the variance of the cost per request, from how its minutes scatter.
CREATE FUNCTION genai.alert_unit_costs(p_to timestamptz, p_place text, p_by_version boolean)
RETURNS TABLE (
    hours integer, env text, data_mode text, service text, endpoint text, prompt_version text, requests double precision,
    usd double precision, unit double precision, variance double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH minute AS (
        SELECT v.hours, s.environment, s.data_mode, min(s.service_name) AS service, s.endpoint_tag,
            CASE WHEN p_by_version THEN s.prompt_version ELSE '' END AS version, m.bucket,
            coalesce(sum(genai.unit_count(
                false, m.requests, m.calls, m.unpriced_calls, m.error_without_usage_calls)), 0)::float8 AS n,
            sum({input_cost_pico_usd..other_cost_pico_usd+ coalesce(m.#, 0)})::float8 * 1e-12 AS k
        FROM (VALUES (0), (24), (168)) v (hours)
        CROSS JOIN LATERAL (
            SELECT m.* FROM genai.measured_minute m
            WHERE m.bucket >= p_to - make_interval(hours => v.hours + 1) AND m.bucket < p_to - make_interval(hours => v.hours)
            OFFSET 0) m
        JOIN genai.series s ON s.id = m.series_id
        WHERE genai.is_at_place(p_place, s.environment, s.data_mode)
        GROUP BY v.hours, s.environment, s.data_mode, s.endpoint_tag, 6, m.bucket
    )
    SELECT u.hours, u.environment, u.data_mode, u.service, u.endpoint_tag, u.version, u.n, u.k, u.k / u.n,
        greatest(u.kk - 2 * u.k / u.n * u.kn + power(u.k / u.n, 2) * u.nn, 0) * u.minutes / greatest(u.minutes - 1, 0.5) / power(u.n, 2)
    FROM (
        SELECT m.hours, m.environment, m.data_mode, min(m.service) AS service, m.endpoint_tag, m.version, sum(m.n) AS n,
            sum(m.k) AS k, sum(m.k * m.k) AS kk, sum(m.k * m.n) AS kn, sum(m.n * m.n) AS nn, count(*) AS minutes
        FROM minute m
        GROUP BY m.hours, m.environment, m.data_mode, m.endpoint_tag, m.version
    ) u
    WHERE u.n > 0
$$;

-- How much a cost per request drifted: the least of what the ratio is to its threshold, of what the difference is to four
-- deviations, of the added dollars and of the sample to their minimum.
CREATE FUNCTION genai.drift_score(
    p_ratio double precision, p_deviations double precision, p_added_usd double precision, p_requests double precision,
    p_threshold double precision, p_minimum_usd double precision, p_minimum double precision
) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT greatest(0, least(p_ratio / p_threshold, p_deviations / 4, p_added_usd / nullif(p_minimum_usd, 0),
        p_requests / nullif(p_minimum, 0)))
$$;

-- A request of an endpoint costs more than on the costlier of yesterday and a week ago at this time.
CREATE FUNCTION genai.alert_cost_drift_endpoint(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH unit AS MATERIALIZED (SELECT u.* FROM genai.alert_unit_costs(genai.alert_end(p_now), p_place, false) u),
    late AS MATERIALIZED (SELECT g.* FROM genai.late_senders(p_now) g)
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW(n.env, n.data_mode, '', n.endpoint, '', '', '', '', '', coalesce(o.owner, ''),
            CASE WHEN (n.env, n.data_mode, n.service) IN (SELECT g.env, g.data_mode, g.service FROM late g) THEN 0.9
                WHEN l.enabled AND b.unit > 0 THEN genai.alert_number(genai.drift_score(
                n.unit / b.unit, (n.unit - b.unit) / nullif(sqrt(n.variance + b.variance), 0), n.usd - n.requests * b.unit,
                n.requests, l.threshold, l.minimum_usd, l.minimum)) ELSE 0 END,
            genai.alert_number(n.unit / nullif(b.unit, 0)), l.threshold, coalesce(b.hours, -1),
            genai.alert_end(p_now) - interval '1 hour', genai.alert_end(p_now))::genai.alert_row
        FROM (SELECT n.* FROM unit n WHERE n.hours = 0 ORDER BY n.usd DESC LIMIT 400) n
        CROSS JOIN LATERAL genai.alert_limit('cost_drift_endpoint', p_endpoint => n.endpoint) l
        LEFT JOIN LATERAL (
            SELECT b.* FROM unit b
            WHERE b.hours > 0 AND (b.env, b.data_mode, b.endpoint) = (n.env, n.data_mode, n.endpoint) AND b.requests >= l.minimum
            ORDER BY b.unit DESC LIMIT 1
        ) b ON true
        LEFT JOIN LATERAL genai.owner_of(n.service, n.endpoint) o ON true
    ), genai.alert_end(p_now) - interval '1 hour', genai.alert_end(p_now)) r
$$;

-- The same of a prompt version. It is judged against its endpoint, so that a new version is judged in its first hour; one
-- that was always costlier, against itself.
CREATE FUNCTION genai.alert_cost_drift_prompt(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH unit AS MATERIALIZED (
        SELECT u.*, true AS is_version FROM genai.alert_unit_costs(genai.alert_end(p_now), p_place, true) u
        UNION ALL
        SELECT u.*, false FROM genai.alert_unit_costs(genai.alert_end(p_now), p_place, false) u
    ), late AS MATERIALIZED (SELECT g.* FROM genai.late_senders(p_now) g)
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW(n.env, n.data_mode, '', n.endpoint, n.prompt_version, '', '', '', '', coalesce(o.owner, ''),
            CASE WHEN (n.env, n.data_mode, n.service) IN (SELECT g.env, g.data_mode, g.service FROM late g) THEN 0.9
                WHEN l.enabled AND b.unit > 0 THEN genai.alert_number(genai.drift_score(
                n.unit / b.unit, (n.unit - b.unit) / nullif(sqrt(n.variance + b.variance), 0), n.usd - n.requests * b.unit,
                n.requests, l.threshold, l.minimum_usd, l.minimum)) ELSE 0 END,
            genai.alert_number(n.unit / nullif(b.unit, 0)), l.threshold, coalesce(b.hours, -1),
            genai.alert_end(p_now) - interval '1 hour', genai.alert_end(p_now))::genai.alert_row
        FROM (
            SELECT n.* FROM unit n WHERE n.hours = 0 AND n.is_version AND genai.is_named(n.prompt_version)
            ORDER BY n.usd DESC LIMIT 400
        ) n
        CROSS JOIN LATERAL genai.alert_limit(
            'cost_drift_prompt', p_endpoint => n.endpoint, p_prompt_version => n.prompt_version) l
        LEFT JOIN LATERAL (
            SELECT b.* FROM unit b
            WHERE b.hours > 0 AND (b.env, b.data_mode, b.endpoint) = (n.env, n.data_mode, n.endpoint)
                AND (b.prompt_version = n.prompt_version OR NOT b.is_version) AND b.requests >= l.minimum
            ORDER BY b.unit DESC LIMIT 1
        ) b ON true
        LEFT JOIN LATERAL genai.owner_of(n.service, n.endpoint) o ON true
    ), genai.alert_end(p_now) - interval '1 hour', genai.alert_end(p_now)) r
$$;
