-- What only single calls tell: conversations, coding agents, the time to the first token. Each reads the newest calls of
-- the selection, at most `p_read`, so that a month costs no more than an hour.

CREATE FUNCTION genai.newest_calls(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_read integer
) RETURNS SETOF genai.model_call LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT m.*
    FROM genai.calls_matching(
        p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service, '*', '*',
        '*', '*') m
    ORDER BY m.time DESC
    LIMIT p_read
$$;

-- Conversations, the most expensive first: their calls, how long they lasted, and whose they are.
CREATE FUNCTION genai.conversations(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_read integer DEFAULT 20000
) RETURNS TABLE (
    conversation text, "user" text, calls bigint, duration_ms double precision, spend text, cost_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.conversation_id, min(c.user_id), count(*),
        (extract(epoch FROM max(c.time) - min(c.time)) * 1000)::float8 + max(c.latency_ms),
        genai.cost_text(sum(c.cost_usd), bool_or(c.price_status IN ('unpriced_model', 'no_usage', 'bad_usage')), count(*)),
        sum(c.cost_usd)
    FROM genai.newest_calls(
        p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service, p_read) c
    WHERE c.conversation_id IS NOT NULL
    GROUP BY c.conversation_id
    ORDER BY 6 DESC NULLS LAST, 3 DESC, 1
    LIMIT 50
$$;

-- Coding agents by developer and repository (docs/coding-agents.md: user and endpoint), the most expensive first.
CREATE FUNCTION genai.coding_agents(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_read integer DEFAULT 20000
) RETURNS TABLE ("user" text, endpoint text, agent text, calls bigint, spend text, cost_usd numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.user_id, c.endpoint_tag, c.dialect, count(*),
        genai.cost_text(sum(c.cost_usd), bool_or(c.price_status IN ('unpriced_model', 'no_usage', 'bad_usage')), count(*)),
        sum(c.cost_usd)
    FROM genai.newest_calls(
        p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service, p_read) c
    WHERE c.dialect IN ('claude_code', 'codex', 'gemini_cli', 'copilot')
    GROUP BY c.user_id, c.endpoint_tag, c.dialect
    ORDER BY 6 DESC NULLS LAST, 4 DESC, 1, 2, 3
    LIMIT 50
$$;

-- How long callers waited for the first token, by model; only streamed calls say it.
CREATE FUNCTION genai.first_token(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text, p_prompt_version text,
    p_user text, p_tenant text, p_model text, p_service text, p_read integer DEFAULT 20000
) RETURNS TABLE (model text, calls bigint, p50_ms double precision, p95_ms double precision)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.model, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY c.time_to_first_token_ms),
        percentile_cont(0.95) WITHIN GROUP (ORDER BY c.time_to_first_token_ms)
    FROM genai.newest_calls(
        p_from, p_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service, p_read) c
    WHERE c.time_to_first_token_ms IS NOT NULL
    GROUP BY c.model
    ORDER BY 2 DESC, 1
    LIMIT 20
$$;
