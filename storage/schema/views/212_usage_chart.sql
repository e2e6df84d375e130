-- ranges: storage/schema/measures.py
-- Usage over time as a chart draws it: every segment has every bucket, and every bucket says where it ends, so that a
-- click on a bar or a point opens exactly its window.

-- The name that people read: a user's or tenant's label, else the first eight letters of a hash, else the value.
CREATE FUNCTION genai.short_name(p_dimension text, p_value text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_dimension IN ('user', 'tenant') THEN coalesce(
            (SELECT l.label FROM genai.identity_label l WHERE l.kind = p_dimension AND l.value = p_value),
            substring(p_value FROM '^(?:h:|hmac:|sha256:)?([0-9a-fA-F]{8})[0-9a-fA-F]{12,}$'), p_value)
        ELSE p_value END
$$;

-- How long a bucket of `usage_over_time` is: minutes where they are kept and nobody's name is asked for, else hours.
CREATE FUNCTION genai.chart_step(p_from timestamptz, p_to timestamptz, p_source text)
RETURNS interval LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_source = 'calls'
            OR p_source = 'series' AND p_from >= (SELECT f.time FROM genai.floor f WHERE f.level = 'minute')
            THEN genai.panel_step(p_from, p_to)
        ELSE greatest(genai.panel_step(p_from, p_to), interval '1 hour') END
$$;

-- `segment` is the name of a series, `focus` the value of the dimension behind it (`*` for all others together),
-- `until_ms` the end of the bucket in milliseconds of the epoch. Measures are NULL where a segment has no calls.
CREATE FUNCTION genai.usage_chart(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_dimension text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text, p_keep integer DEFAULT 7
) RETURNS TABLE (
    "time" timestamptz, segment text, focus text, until_ms bigint, calls bigint, requests bigint, errors bigint,
    cost_usd numeric, cost_per_request_usd numeric, tokens_per_request double precision, success_ratio double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH used AS MATERIALIZED (
        SELECT u.* FROM genai.usage_over_time(
            p_from, p_to, p_env, p_data_mode, p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
            p_service, p_keep) u
    )
    SELECT b.time, s.name, s.focus,
        (extract(epoch FROM b.time + w.step) * 1000)::bigint,
        u.calls, u.requests, u.errors, u.cost_usd, u.cost_per_request_usd, u.tokens_per_request, u.success_ratio
    FROM (
        SELECT genai.chart_step(p_from, p_to, genai.spend_source(
            p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service)) AS step
    ) w
    CROSS JOIN (SELECT DISTINCT u.time FROM used u) b
    CROSS JOIN (
        SELECT d.segment, genai.short_name(p_dimension, d.segment) AS name,
            CASE WHEN d.segment IN ('(others)', '') THEN '*' ELSE d.segment END AS focus
        FROM (SELECT DISTINCT u.segment FROM used u) d
    ) s
    LEFT JOIN used u ON u.time = b.time AND u.segment = s.segment
    ORDER BY b.time, s.segment
$$;

-- The `p_keep` most expensive users or tenants of a chart's time, of all of it at once: a month of people by days is too many
-- groups.
CREATE FUNCTION genai.most_expensive_people(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_dimension text, p_user text, p_tenant text,
    p_keep integer
) RETURNS TABLE (segment text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH ranked AS MATERIALIZED (
        SELECT w.* FROM genai.window_pieces(
            date_bin(greatest(genai.panel_step(p_from, p_to), interval '1 hour'), p_from, 'epoch'),
            date_bin('1 hour', p_to + interval '3599.999999 seconds', 'epoch'), NULL, 'person') w
    ), wanted AS MATERIALIZED (
        SELECT s.id FROM genai.series_of(p_env, p_data_mode, NULL, NULL, NULL, NULL, NULL) s
    ), person AS MATERIALIZED (
        SELECT i.id, CASE p_dimension WHEN 'user' THEN i.user_id ELSE i.tenant_id END AS segment
        FROM genai.identity_of(p_user, p_tenant) i
    )
    SELECT i.segment
    FROM (
        SELECT t.identity_id, sum(t.cost) AS cost, genai.total(t.calls) AS calls
        FROM (
            SELECT m.* FROM ranked p CROSS JOIN LATERAL (
                SELECT m.identity_id, m.calls, m.cost_pico_usd AS cost FROM genai.measured_person_week m
                WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND ((SELECT coalesce(p_env, '*') = '*') OR m.environment = ANY ((SELECT string_to_array(p_env, ','))::text[]))
                    AND (coalesce(p_data_mode, '*') = '*' OR m.data_mode = p_data_mode)
                OFFSET 0
            ) m
            WHERE p.level = 'week'
            UNION ALL
            SELECT m.* FROM ranked p CROSS JOIN LATERAL (
                SELECT m.identity_id, m.calls, m.other_cost_pico_usd AS cost FROM genai.measured_person_day m
                WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND ((SELECT coalesce(p_env, '*') = '*') OR m.environment = ANY ((SELECT string_to_array(p_env, ','))::text[]))
                    AND (coalesce(p_data_mode, '*') = '*' OR m.data_mode = p_data_mode)
                OFFSET 0
            ) m
            WHERE p.level = 'day'
            UNION ALL
            SELECT m.* FROM ranked p CROSS JOIN LATERAL (
                SELECT m.identity_id, m.calls, {input_cost_pico_usd..other_cost_pico_usd+ coalesce(m.#, 0)} AS cost FROM genai.measured_identity_hour m
                WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
                OFFSET 0
            ) m
            WHERE p.level = 'hour'
            UNION ALL
            SELECT m.* FROM ranked p CROSS JOIN LATERAL (
                SELECT m.identity_id, m.calls, {input_cost_pico_usd..other_cost_pico_usd+ coalesce(m.#, 0)} AS cost FROM genai.measured_identity_day m
                WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
                OFFSET 0
            ) m
            WHERE p.level = 'folded'
        ) t
        GROUP BY t.identity_id
    ) t
    JOIN person i ON i.id = t.identity_id
    GROUP BY i.segment
    ORDER BY sum(t.cost) DESC, sum(t.calls) DESC, i.segment LIMIT p_keep
$$;

-- What people spent by steps, the `p_keep` most expensive by name; `p_dimension` is user or tenant. People are read twice,
-- first to find these; only they are looked up by name then.
CREATE FUNCTION genai.people_over_time(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_dimension text, p_user text, p_tenant text,
    p_keep integer
) RETURNS TABLE ("time" timestamptz, segment text, cost_pico_usd numeric) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH span AS MATERIALIZED (
        SELECT w.level, w.from_time, w.to_time, CASE w.level WHEN 'hour' THEN greatest(s.step, interval '1 hour') ELSE s.step END AS step
        FROM (SELECT genai.panel_step(p_from, p_to) AS step) s
        CROSS JOIN LATERAL genai.step_pieces(p_from, p_to, s.step, 'person') w
    ), wanted AS MATERIALIZED (
        SELECT s.id FROM genai.series_of(p_env, p_data_mode, NULL, NULL, NULL, NULL, NULL) s
    ), person AS MATERIALIZED (
        SELECT i.id, CASE p_dimension WHEN 'user' THEN i.user_id ELSE i.tenant_id END AS segment
        FROM genai.identity_of(p_user, p_tenant) i
    ), shown AS MATERIALIZED (
        SELECT i.id, i.segment FROM person i
        WHERE i.segment IN (SELECT k.segment FROM genai.most_expensive_people(
            p_from, p_to, p_env, p_data_mode, p_dimension, p_user, p_tenant, p_keep) k)
    )
    SELECT u.time, coalesce(u.segment, '(others)'), sum(u.cost)
    FROM (
        SELECT m.* FROM span p CROSS JOIN LATERAL (
            SELECT date_bin(p.step, m.bucket, 'epoch') AS time, n.segment, sum(m.other_cost_pico_usd) AS cost
            FROM genai.measured_person_day m LEFT JOIN shown n ON n.id = m.identity_id
            WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND ((SELECT coalesce(p_env, '*') = '*') OR m.environment = ANY ((SELECT string_to_array(p_env, ','))::text[]))
                AND (coalesce(p_data_mode, '*') = '*' OR m.data_mode = p_data_mode)
                AND CASE WHEN coalesce(p_user, '*') <> '*' OR coalesce(p_tenant, '*') <> '*'
                    THEN m.identity_id IN (SELECT i.id FROM person i) ELSE true END
            GROUP BY 1, n.segment
        ) m
        WHERE p.level = 'day'
        UNION ALL
        SELECT m.* FROM span p CROSS JOIN LATERAL (
            SELECT date_bin(p.step, m.bucket, 'epoch') AS time, n.segment, sum({input_cost_pico_usd..other_cost_pico_usd+ coalesce(m.#, 0)}) AS cost
            FROM genai.measured_identity_hour m LEFT JOIN shown n ON n.id = m.identity_id
            WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
                AND CASE WHEN coalesce(p_user, '*') <> '*' OR coalesce(p_tenant, '*') <> '*'
                    THEN m.identity_id IN (SELECT i.id FROM person i) ELSE true END
            GROUP BY 1, n.segment
        ) m
        WHERE p.level = 'hour'
        UNION ALL
        SELECT m.* FROM span p CROSS JOIN LATERAL (
            SELECT date_bin(p.step, m.bucket, 'epoch') AS time, n.segment, sum({input_cost_pico_usd..other_cost_pico_usd+ coalesce(m.#, 0)}) AS cost
            FROM genai.measured_identity_day m LEFT JOIN shown n ON n.id = m.identity_id
            WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
                AND CASE WHEN coalesce(p_user, '*') <> '*' OR coalesce(p_tenant, '*') <> '*'
                    THEN m.identity_id IN (SELECT i.id FROM person i) ELSE true END
            GROUP BY 1, n.segment
        ) m
        WHERE p.level = 'folded'
    ) u
    GROUP BY 1, 2
$$;

-- Spend by user or tenant as `usage_chart` has it: of all they do from `people_over_time`.
CREATE FUNCTION genai.people_chart(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_dimension text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_service text, p_keep integer DEFAULT 7
) RETURNS TABLE ("time" timestamptz, segment text, focus text, until_ms bigint, cost_usd numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH used AS MATERIALIZED (
        SELECT u.* FROM genai.people_over_time(p_from, p_to, p_env, p_data_mode, p_dimension, p_user, p_tenant, p_keep) u
        WHERE genai.spend_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service) = 'person'
    )
    SELECT b.time, genai.short_name(p_dimension, s.segment), CASE s.segment WHEN '(others)' THEN '*' ELSE s.segment END,
        (extract(epoch FROM b.time + greatest(genai.panel_step(p_from, p_to), interval '1 hour')) * 1000)::bigint,
        u.cost_pico_usd * 1e-12
    FROM (SELECT DISTINCT u.time FROM used u) b
    CROSS JOIN (SELECT DISTINCT u.segment FROM used u) s
    LEFT JOIN used u ON u.time = b.time AND u.segment = s.segment
    UNION ALL
    SELECT u.time, u.segment, u.focus, u.until_ms, u.cost_usd
    FROM genai.usage_chart(p_from, p_to, p_env, p_data_mode, p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant,
        p_model, p_service, p_keep) u
    WHERE genai.spend_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service) <> 'person'
    ORDER BY 1, 2
$$;
