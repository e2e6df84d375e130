-- What explained an alert when it arrived, and what came to its window since.

-- The figures of the night; `as_of`: everything received until then is in them.
CREATE VIEW genai.alert_story AS
SELECT s.episode_id, s.as_of, s.class, s.subject, s.sentence, s.cost_usd, s.delta_usd, s.driver FROM _genai.alert_story s;

-- Calls of a window that were received after a moment, and what they cost. NULL dimensions take all.
CREATE FUNCTION genai.received_after(
    p_moment timestamptz, p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS TABLE (calls bigint, cost_usd numeric, last_received timestamptz) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT count(*), coalesce(sum(m.cost_usd), 0), max(m.received_at)
    FROM genai.model_call m
    WHERE m.time >= p_from AND m.time < p_to AND m.received_at > p_moment
        AND (p_env = '*' OR m.environment = ANY (string_to_array(p_env, ',')))
        AND (p_data_mode = '*' OR m.data_mode = p_data_mode)
        AND (p_endpoint IS NULL OR m.endpoint_tag = p_endpoint)
        AND (p_prompt_version IS NULL OR m.prompt_version = p_prompt_version)
        AND (p_user IS NULL OR m.user_id = p_user) AND (p_tenant IS NULL OR m.tenant_id = p_tenant)
        AND (p_model IS NULL OR m.model = p_model) AND (p_provider IS NULL OR m.provider = p_provider)
        AND (p_service IS NULL OR m.service_name = p_service)
$$;

-- What the journal changed after a moment on the days of a window: one row per run and kind, the newest first. The
-- journal speaks of whole days, so that its sums can be larger than the change of the window.
CREATE FUNCTION genai.changed_after(
    p_moment timestamptz, p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text
) RETURNS TABLE (run_id bigint, kind text, at timestamptz, started_by text, why text, calls bigint, cost_usd numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT l.run_id, l.kind, max(l.at), r.started_by, r.why, sum(l.calls)::bigint, sum(l.cost_pico_usd) * 1e-12
    FROM genai.ledger_line l JOIN genai.ledger_run r ON r.id = l.run_id
    WHERE l.at > p_moment
        AND l.day >= date_bin('1 day', p_from, 'epoch')::date
        AND l.day <= date_bin('1 day', p_to - interval '1 microsecond', 'epoch')::date
        AND (p_env = '*' OR l.environment = ANY (string_to_array(p_env, ',')))
        AND (p_data_mode = '*' OR l.data_mode = p_data_mode)
    GROUP BY l.run_id, l.kind, r.started_by, r.why
    ORDER BY max(l.at) DESC, l.run_id DESC, l.kind
    LIMIT 20
$$;
