-- All calls of a selection, page by page: the newest, the most expensive, the slowest or the failed first.

-- The number of a page in an address; anything else is the first.
CREATE FUNCTION genai.page_number(p_page text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_page ~ '^[1-9][0-9]{0,5}$' THEN p_page::integer ELSE 1 END
$$;

-- Milliseconds above and up to which calls are listed, from `0.4-0.8` (seconds; without an end all above); anything else is all.
CREATE FUNCTION genai.latency_bounds(p_latency text)
RETURNS TABLE (above_ms double precision, up_to_ms double precision) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN v.is_range THEN split_part(p_latency, '-', 1)::float8 * 1000 END,
        CASE WHEN v.is_range AND split_part(p_latency, '-', 2) <> '' THEN split_part(p_latency, '-', 2)::float8 * 1000 END
    FROM (SELECT p_latency ~ '^[0-9]{1,6}([.][0-9]{1,3})?-([0-9]{1,6}([.][0-9]{1,3})?)?$' AS is_range) v
$$;

-- Calls of a selection, narrowed by how they ended, how their price was found and how long they took ('*': any). They come newest first
-- out of the index: the planner takes a selection for a few calls, and would sort all calls of the range to find them. Of the
-- range at most the newest `p_read` are looked at (NULL: all).
CREATE FUNCTION genai.calls_matching(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_status text, p_error text, p_price_status text,
    p_conversation text, p_latency text DEFAULT '*', p_read bigint DEFAULT NULL
) RETURNS SETOF genai.model_call LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT m.*
    FROM (
        SELECT m.* FROM genai.model_call m WHERE m.time >= p_from AND m.time < p_to ORDER BY m.time DESC LIMIT p_read OFFSET 0
    ) m
    WHERE (p_env = '*' OR m.environment = ANY (string_to_array(p_env, ',')))
        AND (p_data_mode = '*' OR m.data_mode = p_data_mode)
        AND (p_endpoint = '*' OR m.endpoint_tag = p_endpoint)
        AND (p_prompt_version = '*' OR m.prompt_version = p_prompt_version)
        AND (p_user = '*' OR m.user_id = p_user) AND (p_tenant = '*' OR m.tenant_id = p_tenant)
        AND (p_model = '*' OR m.model = p_model) AND (p_service = '*' OR m.service_name = p_service)
        AND (p_status = '*' OR m.status = p_status)
        AND (p_error = '*' OR m.status <> 'success' AND coalesce(m.error_type, m.http_status::text, '') = p_error)
        AND (p_price_status = '*' OR m.price_status = p_price_status)
        AND (p_conversation = '*' OR m.conversation_id = p_conversation)
        AND ((SELECT b.above_ms IS NULL FROM genai.latency_bounds(p_latency) b)
            OR m.latency_ms > (SELECT CASE b.above_ms WHEN 0 THEN -1 ELSE b.above_ms END FROM genai.latency_bounds(p_latency) b)
                AND m.latency_ms <= (SELECT coalesce(b.up_to_ms, 'infinity') FROM genai.latency_bounds(p_latency) b))
$$;

-- Calls that another order than the newest first sorts: half a second's work. Ten million would be minutes.
CREATE FUNCTION genai.most_calls_sorted() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 500000::bigint';

-- From when on the calls of a range are sorted; NULL where all of them are.
CREATE FUNCTION genai.sorted_from(p_from timestamptz, p_to timestamptz, p_order text)
RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT m.time FROM genai.model_call m
    WHERE m.time >= p_from AND m.time < p_to AND p_order IN ('most_expensive', 'slowest', 'failed_first')
    ORDER BY m.time DESC LIMIT 1 OFFSET genai.most_calls_sorted()
$$;

-- One page of them. Any other order than the newest first sorts the newest `most_calls_sorted` calls of the range.
CREATE FUNCTION genai.call_list(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_status text, p_error text, p_price_status text,
    p_conversation text, p_latency text, p_order text, p_page text, p_size integer DEFAULT 50
) RETURNS TABLE (
    place bigint, "time" timestamptz, call_key text, ended text, status text, error text, endpoint text, prompt_version text,
    model text, tenant text, "user" text, cost text, cost_usd numeric, price_status text, tokens text, input_tokens bigint,
    cache_read_tokens bigint, output_tokens bigint, latency_ms double precision, attempt integer, request_id text,
    trace_id text, trace_url text, trace_link text, environment text, data_mode text, service text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH page AS MATERIALIZED (
        SELECT p.time, p.call_key, row_number() OVER () AS place
        FROM (
            (SELECT m.time, m.call_key FROM genai.calls_matching(
                p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service,
                p_status, p_error, p_price_status, p_conversation, p_latency) m
            WHERE p_order NOT IN ('most_expensive', 'slowest', 'failed_first')
            ORDER BY m.time DESC LIMIT p_size OFFSET (genai.page_number(p_page) - 1) * p_size)
            UNION ALL
            (SELECT m.time, m.call_key FROM genai.calls_matching(
                p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service,
                p_status, p_error, p_price_status, p_conversation, p_latency, genai.most_calls_sorted()) m
            WHERE p_order IN ('most_expensive', 'slowest', 'failed_first')
            ORDER BY CASE p_order WHEN 'most_expensive' THEN m.cost_pico_usd WHEN 'slowest' THEN m.latency_ms * 1e3
                ELSE CASE m.status WHEN 'error' THEN 2 WHEN 'cancelled' THEN 1 END END DESC NULLS LAST, m.time DESC
            LIMIT p_size OFFSET (genai.page_number(p_page) - 1) * p_size)
        ) p
    )
    SELECT p.place, m.time, m.call_key::text,
        CASE m.status WHEN 'error' THEN coalesce(nullif(regexp_replace(m.error_type, '^.*[.]', ''), ''),
            m.http_status::text, 'error') ELSE m.status END,
        m.status, CASE m.status WHEN 'success' THEN '' ELSE coalesce(m.error_type, m.http_status::text, '') END,
        m.endpoint_tag, m.prompt_version, m.model, m.tenant_id, m.user_id, genai.money_text(m.cost_usd), m.cost_usd,
        m.price_status, genai.count_text(m.input_tokens) || ' → ' || genai.count_text(m.output_tokens),
        m.input_tokens, m.cache_read_tokens, m.output_tokens, m.latency_ms, m.attempt, coalesce(m.external_request_id, ''),
        coalesce(m.trace_id, ''), CASE WHEN m.trace_id IS NULL THEN '' ELSE t.url END,
        CASE WHEN m.trace_id IS NULL OR t.url = '' THEN '' ELSE 'trace' END,
        m.environment, m.data_mode, m.service_name
    FROM page p
    JOIN genai.model_call m ON m.time = p.time AND m.call_key = p.call_key
    CROSS JOIN LATERAL (
        SELECT coalesce(replace(replace((SELECT s.value FROM genai.setting s WHERE s.key = 'trace_url'),
            '{traceId}', m.trace_id), '{spanId}', coalesce(m.span_id, '')), '') AS url
    ) t
    ORDER BY p.place
$$;

-- Which calls a page holds, and the pages beside it. Always one row. At most `p_counted` calls are counted.
CREATE FUNCTION genai.call_pages(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_status text, p_error text, p_price_status text,
    p_conversation text, p_latency text, p_order text, p_page text, p_size integer DEFAULT 50, p_counted integer DEFAULT 10000
) RETURNS TABLE (shown text, previous text, previous_page integer, next text, next_page integer)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN n.calls <= n.before THEN 'No call on this page'
            ELSE format('Calls %s to %s of %s%s', genai.count_text(n.before + 1),
                genai.count_text(least(n.before + p_size, n.calls)), CASE WHEN n.calls > n.most THEN 'over ' ELSE '' END,
                genai.count_text(least(n.calls, n.most))) END
            || CASE p_order WHEN 'most_expensive' THEN ', the most expensive' WHEN 'slowest' THEN ', the slowest'
                WHEN 'failed_first' THEN ', the failed' ELSE ', the newest' END
            || coalesce(' since ' || to_char(genai.sorted_from(p_from, p_to, p_order) AT TIME ZONE 'UTC', 'MM-DD HH24:MI'), '') || ' first',
        CASE WHEN n.page > 1 THEN 'previous' ELSE '' END, greatest(n.page - 1, 1),
        CASE WHEN n.calls > n.before + p_size THEN 'next' ELSE '' END, n.page + 1
    FROM (
        SELECT genai.page_number(p_page) AS page, (genai.page_number(p_page) - 1) * p_size AS before,
            greatest(p_counted, genai.page_number(p_page) * p_size) AS most, (
            SELECT count(*) FROM (
                SELECT FROM genai.calls_matching(
                    p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service,
                    p_status, p_error, p_price_status, p_conversation, p_latency) m
                LIMIT greatest(p_counted, genai.page_number(p_page) * p_size) + 1) c) AS calls
        OFFSET 0  -- else the calls are counted for each mention of their number
    ) n
$$;

-- The errors of calls that were not answered, in the range, the most frequent of the newest 2,000 first; '*' for all.
CREATE FUNCTION genai.error_values(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE ("__text" text, "__value" text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'all', '*'
    UNION ALL (
        SELECT e.error, e.error
        FROM (
            SELECT coalesce(m.error_type, m.http_status::text) AS error FROM genai.model_call m
            WHERE m.time >= p_from AND m.time < p_to AND m.status <> 'success'
                AND (p_env = '*' OR m.environment = ANY (string_to_array(p_env, ',')))
                AND (p_data_mode = '*' OR m.data_mode = p_data_mode)
            ORDER BY m.time DESC LIMIT 2000
        ) e
        WHERE e.error <> ''
        GROUP BY e.error ORDER BY count(*) DESC, e.error LIMIT 50)
$$;
