-- Single calls for the last hop of the drill-down.

-- The newest calls of a selection, at most `p_limit`; of one `p_status` or of all. `trace_url` is the configured template (genai.setting trace_url)
-- with the call's ids, empty where there is none.
CREATE FUNCTION genai.calls_of(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_limit integer DEFAULT 50,
    p_provider text DEFAULT '*', p_status text DEFAULT '*'
) RETURNS TABLE (
    "time" timestamptz, status text, endpoint text, prompt_version text, model text, tenant text, "user" text,
    cost_usd numeric, price_status text, input_tokens bigint, cache_read_tokens bigint, output_tokens bigint,
    latency_ms double precision, error text, attempt integer, request_id text, call_key text, trace_id text,
    trace_url text, trace_link text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT m.time, m.status, m.endpoint_tag, m.prompt_version, m.model, m.tenant_id, m.user_id, m.cost_usd,
        m.price_status, m.input_tokens, m.cache_read_tokens, m.output_tokens, m.latency_ms,
        CASE m.status WHEN 'success' THEN '' ELSE coalesce(m.error_type, m.http_status::text, '') END, m.attempt, coalesce(m.external_request_id, ''),
        m.call_key::text, coalesce(m.trace_id, ''),
        CASE WHEN m.trace_id IS NULL THEN '' ELSE t.template_of END,
        CASE WHEN m.trace_id IS NULL OR t.template_of = '' THEN '' ELSE 'open trace' END
    FROM (
        -- Newest first out of the index, as genai.calls_matching has it.
        SELECT m.* FROM genai.model_call m WHERE m.time >= p_from AND m.time < p_to ORDER BY m.time DESC OFFSET 0
    ) m
    CROSS JOIN LATERAL (
        SELECT coalesce(replace(replace(
            (SELECT s.value FROM genai.setting s WHERE s.key = 'trace_url'), '{traceId}', m.trace_id),
            '{spanId}', coalesce(m.span_id, '')), '') AS template_of
    ) t
    WHERE (p_env = '*' OR m.environment = ANY (string_to_array(p_env, ',')))
        AND (p_data_mode = '*' OR m.data_mode = p_data_mode)
        AND (p_endpoint = '*' OR m.endpoint_tag = p_endpoint)
        AND (p_prompt_version = '*' OR m.prompt_version = p_prompt_version)
        AND (p_user = '*' OR m.user_id = p_user) AND (p_tenant = '*' OR m.tenant_id = p_tenant)
        AND (p_model = '*' OR m.model = p_model) AND (p_service = '*' OR m.service_name = p_service)
        AND (p_provider = '*' OR m.provider = p_provider) AND (p_status = '*' OR m.status = p_status)
    ORDER BY m.time DESC
    LIMIT p_limit
$$;

-- How the newest `p_read` calls of the selection ended, and how their price was found.
CREATE FUNCTION genai.call_endings(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_read integer DEFAULT 2000
) RETURNS TABLE (status text, error text, price_status text, calls bigint, cost_usd numeric, share double precision)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.status, c.error, c.price_status, count(*), coalesce(sum(c.cost_usd), 0),
        (count(*) / sum(count(*)) OVER ())::float8
    FROM genai.calls_of(
        p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service, p_read) c
    GROUP BY c.status, c.error, c.price_status
    ORDER BY 4 DESC, 1, 2, 3
    LIMIT 20
$$;

-- The latencies of the newest `p_read` calls of the selection by powers of two; `latency` is what lists the calls of a bar.
CREATE FUNCTION genai.latency_shape(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_read integer DEFAULT 2000
) RETURNS TABLE (place integer, up_to text, calls bigint, latency text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT b.place, CASE WHEN b.place = 11 THEN '> 102 s'
            ELSE round(0.1 * power(2, b.place)::numeric, CASE WHEN b.place < 7 THEN 1 ELSE 0 END) || ' s' END,
        count(c.latency_ms),
        CASE b.place WHEN 0 THEN '0-0.1' WHEN 11 THEN '102.4-'
            ELSE round(0.1 * power(2, b.place - 1)::numeric, 1) || '-' || round(0.1 * power(2, b.place)::numeric, 1) END
    FROM generate_series(0, 11) b (place)
    LEFT JOIN genai.calls_of(
        p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service, p_read) c
        ON least(11, greatest(0, ceil(log(2, greatest(c.latency_ms, 0.001)::numeric / 100))))::integer = b.place
    GROUP BY b.place
    ORDER BY b.place
$$;
