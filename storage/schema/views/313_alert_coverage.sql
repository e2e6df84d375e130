-- Money that is not known: models without a price, usage that is missing or unread, data modes that nobody knows.

-- A model without a price was called in the last hour.
CREATE FUNCTION genai.alert_unpriced_model(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW(u.environment, u.data_mode, '', '', '', '', '', u.model, u.provider, coalesce(o.owner, ''),
            CASE WHEN l.enabled THEN u.calls / l.threshold ELSE 0 END, u.calls, l.threshold, 24,
            genai.alert_end(p_now) - interval '1 hour', genai.alert_end(p_now))::genai.alert_row
        FROM (
            SELECT s.environment, s.data_mode, s.provider, s.model, min(s.service_name) AS service, min(s.endpoint_tag) AS endpoint,
                sum(m.unpriced_calls)::float8 AS calls
            FROM genai.measured_minute m JOIN genai.series s ON s.id = m.series_id
            WHERE m.bucket >= genai.alert_end(p_now) - interval '1 hour' AND m.bucket < genai.alert_end(p_now)
                AND m.unpriced_calls > 0 AND genai.is_at_place(p_place, s.environment, s.data_mode)
            GROUP BY s.environment, s.data_mode, s.provider, s.model
        ) u
        CROSS JOIN LATERAL genai.alert_limit('unpriced_model', p_model => u.model) l
        LEFT JOIN LATERAL genai.owner_of(u.service, u.endpoint) o ON true
    ), genai.alert_end(p_now) - interval '1 hour', genai.alert_end(p_now)) r
$$;

-- The part of a service's calls in the last hour whose usage is missing, estimated or unread.
CREATE FUNCTION genai.alert_uncertain_usage(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW(u.environment, u.data_mode, u.service, '', '', '', '', '', '', coalesce(o.owner, ''),
            CASE WHEN l.enabled THEN least(u.unknown / u.calls / l.threshold, u.calls / nullif(l.minimum, 0)) ELSE 0 END,
            u.unknown / u.calls, l.threshold, 24,
            genai.alert_end(p_now) - interval '1 hour', genai.alert_end(p_now))::genai.alert_row
        FROM (
            SELECT c.environment, c.data_mode, c.service, sum(c.calls)::float8 AS calls, sum(c.unknown)::float8 AS unknown
            FROM (
                SELECT s.environment, s.data_mode, s.service_name AS service, m.calls, coalesce(m.uncertain_calls, 0) AS unknown
                FROM genai.measured_minute m JOIN genai.series s ON s.id = m.series_id
                WHERE m.bucket >= genai.alert_end(p_now) - interval '1 hour' AND m.bucket < genai.alert_end(p_now)
                UNION ALL
                SELECT u.environment, u.data_mode, u.service_name, u.spans, u.spans
                FROM genai.unread_sources(genai.alert_end(p_now) - interval '1 hour', genai.alert_end(p_now)) u
            ) c
            WHERE genai.is_at_place(p_place, c.environment, c.data_mode)
            GROUP BY c.environment, c.data_mode, c.service
        ) u
        CROSS JOIN LATERAL genai.alert_limit('uncertain_usage', p_service => u.service) l
        LEFT JOIN LATERAL genai.owner_of(u.service, '') o ON true
        WHERE u.calls > 0
    ), genai.alert_end(p_now) - interval '1 hour', genai.alert_end(p_now)) r
$$;

-- Calls of the last 15 minutes whose data mode is none that we know: they count as real.
CREATE FUNCTION genai.alert_unknown_data_mode(p_now timestamptz DEFAULT now(), p_place text DEFAULT 'prod')
RETURNS SETOF genai.alert_row LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.*
    FROM genai.alert_rows(ARRAY(
        SELECT ROW(u.environment, 'real', u.service_name, '', '', '', '', '', '', coalesce(o.owner, ''),
            CASE WHEN l.enabled THEN u.calls / l.threshold ELSE 0 END, u.calls, l.threshold, -1,
            genai.alert_end(p_now) - interval '15 minutes', genai.alert_end(p_now))::genai.alert_row
        FROM genai.unknown_data_mode(genai.alert_end(p_now) - interval '15 minutes', genai.alert_end(p_now)) u
        CROSS JOIN LATERAL genai.alert_limit('unknown_data_mode', p_service => u.service_name) l
        LEFT JOIN LATERAL genai.owner_of(u.service_name, '') o ON true
        WHERE genai.is_at_place(p_place, u.environment, 'real')
    ), genai.alert_end(p_now) - interval '15 minutes', genai.alert_end(p_now)) r
$$;
