-- ranges: storage/schema/measures.py
-- The sums that a comparison stands on: of a window and its baseline, by series or by series and identity.

-- Series are summed where they are read, each piece for itself, and the few sums then added: handing on a row of fifty
-- measures costs as much as adding it up (measured: a third of a comparison of months). Identities are not: a piece has
-- few rows of each. Counts are summed in bigint, money in numeric: in bigint a window of nine million dollars would be an
-- error. The bucket of a call's latency is worked out once, behind an OFFSET 0, not for each of the 24.
--
-- Nothing between here and the query materializes the sums, so that the planner leaves out those that are not read. Labels
-- are joined to the left, lest tables without statistics make it sum once per series. Filters stand in a CASE: hashed
-- once, not joined. OFFSET 0 keeps the rows of a piece a scan of their own: else the planner may read a whole table and
-- throw away what is in no piece. The keys say as much as they can (a boolean has two values, a CASE of constants none):
-- guessing too many groups, the planner would sort on disk what it can hash. `p_source` is what `window_source` says.

-- The sums by series, where `p_source` says so; else nothing.
CREATE FUNCTION genai.series_sums(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_model text, p_provider text, p_service text, p_source text
) RETURNS TABLE (is_window boolean, series_id bigint, {calls..latency_b23: # numeric})
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH piece AS MATERIALIZED (
        SELECT w.* FROM genai.window_pieces(p_from, p_to, p_baseline, p_source) w
    ), wanted AS MATERIALIZED (
        SELECT s.id FROM genai.series_of(p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s
    )
    SELECT u.side = 1, u.series_id,
        {calls..output_image_tokens: genai.total(u.#) AS #},
        {input_cost_pico_usd..wasted_cost_pico_usd: sum(u.#) AS #},
        {unpriced_calls..latency_b23: genai.total(u.#) AS #}
    FROM (
        SELECT p.side, m.* FROM piece p CROSS JOIN LATERAL (
            SELECT m.series_id, {calls..output_image_tokens: genai.total(m.#) AS #},
                {input_cost_pico_usd..wasted_cost_pico_usd: sum(m.#) AS #},
                {unpriced_calls..latency_b23: genai.total(m.#) AS #}
            FROM genai.measured_week m
            WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
            GROUP BY m.series_id
        ) m
        WHERE p.level = 'week' AND p_source = 'series'
        UNION ALL
        SELECT p.side, m.* FROM piece p CROSS JOIN LATERAL (
            SELECT m.series_id, {calls..output_image_tokens: genai.total(m.#) AS #},
                {input_cost_pico_usd..wasted_cost_pico_usd: sum(m.#) AS #},
                {unpriced_calls..latency_b23: genai.total(m.#) AS #}
            FROM genai.measured_day m
            WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
            GROUP BY m.series_id
        ) m
        WHERE p.level = 'day' AND p_source = 'series'
        UNION ALL
        SELECT p.side, m.* FROM piece p CROSS JOIN LATERAL (
            SELECT m.series_id, {calls..output_image_tokens: genai.total(m.#) AS #},
                {input_cost_pico_usd..wasted_cost_pico_usd: sum(m.#) AS #},
                {unpriced_calls..latency_b23: genai.total(m.#) AS #}
            FROM genai.measured_hour m
            WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
            GROUP BY m.series_id
        ) m
        WHERE p.level = 'hour' AND p_source = 'series'
        UNION ALL
        SELECT p.side, m.* FROM piece p CROSS JOIN LATERAL (
            SELECT m.series_id, {calls..output_image_tokens: genai.total(m.#) AS #},
                {input_cost_pico_usd..wasted_cost_pico_usd: sum(m.#) AS #},
                {unpriced_calls..latency_b23: genai.total(m.#) AS #}
            FROM genai.measured_minute m
            WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
            GROUP BY m.series_id
        ) m
        WHERE p.level = 'minute' AND p_source = 'series'
        UNION ALL
        SELECT p.side, m.* FROM piece p CROSS JOIN LATERAL (
            SELECT m.series_id, {calls..output_image_tokens: genai.total(m.#) AS #},
                {input_cost_pico_usd..wasted_cost_pico_usd: sum(m.#) AS #},
                {unpriced_calls..latency_b23: genai.total(m.#) AS #}
            FROM (
                SELECT c.series_id, {calls..latency_us_sum: c.#}, {latency_b00..latency_b23= c row}
                FROM (
                    SELECT m.*, 1 AS n FROM genai.measured_call m
                    WHERE m.bucket >= p.from_time AND m.bucket < p.to_time
                    OFFSET 0
                ) c
            ) m
            WHERE CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
            GROUP BY m.series_id
        ) m
        WHERE p.level = 'call' AND p_source = 'series'
    ) u
    GROUP BY 1, 2
$$;

-- The sums by series and identity, for every other source.
CREATE FUNCTION genai.identity_sums(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text, p_source text
) RETURNS TABLE (is_window boolean, series_id bigint, identity_id bigint, {calls..latency_b23: # numeric})
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH piece AS MATERIALIZED (
        SELECT w.* FROM genai.window_pieces(p_from, p_to, p_baseline, p_source) w
    ), wanted AS MATERIALIZED (
        SELECT s.id FROM genai.series_of(p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s
    )
    SELECT u.side = 1, u.series_id, u.identity_id,
        {calls..output_image_tokens: genai.total(u.#) AS #},
        {input_cost_pico_usd..wasted_cost_pico_usd: sum(u.#) AS #},
        {unpriced_calls..latency_b23: genai.total(u.#) AS #}
    FROM (
        SELECT p.side, m.series_id, m.identity_id, {calls..latency_b23: m.#}
        FROM piece p CROSS JOIN LATERAL (
            SELECT m.* FROM genai.measured_identity_hour m WHERE m.bucket >= p.from_time AND m.bucket < p.to_time OFFSET 0) m
        WHERE p.level = 'hour' AND p_source <> 'series'
        UNION ALL
        SELECT p.side, m.series_id, m.identity_id, {calls..latency_b23: m.#}
        FROM piece p CROSS JOIN LATERAL (
            SELECT m.* FROM genai.measured_identity_day m WHERE m.bucket >= p.from_time AND m.bucket < p.to_time OFFSET 0) m
        WHERE p.level = 'folded' AND p_source <> 'series'
        UNION ALL
        SELECT p.side, m.series_id, m.identity_id, {calls..latency_us_sum: m.#}, {latency_b00..latency_b23= m row}
        FROM piece p CROSS JOIN LATERAL (
            SELECT m.*, 1 AS n FROM genai.measured_call m
            WHERE m.bucket >= p.from_time AND m.bucket < p.to_time
            OFFSET 0
        ) m
        WHERE p.level = 'call' AND p_source <> 'series'
    ) u
    WHERE CASE WHEN u.series_id IS NOT NULL THEN u.series_id IN (SELECT w.id FROM wanted w) END
        AND CASE WHEN coalesce(p_user, '*') <> '*' OR coalesce(p_tenant, '*') <> '*'
            THEN u.identity_id IN (SELECT i.id FROM genai.identity_of(p_user, p_tenant) i) ELSE true END
    GROUP BY 1, 2, 3
$$;

-- The usage of a window (`side` 1) and its baseline (0) in one pass: a row per series and, where the question needs it,
-- identity. `segment` is the value of the dimension, as `segment_of` has it. The conditions on `p_source` stand where the
-- planner sees them before it plans what they exclude (measured: 8 ms a question); 'none' excludes both.
CREATE FUNCTION genai.sums_of(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_dimension text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text,
    p_source text
) RETURNS TABLE (
    side integer, segment text, environment text, data_mode text, endpoint_tag text, prompt_version text, provider text,
    model text, service_name text, tenant_id text, user_id text, {calls..latency_b23: # numeric}, cost_pico_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        CASE WHEN t.is_window THEN 1 ELSE 0 END,
        genai.segment_of(p_dimension, s.endpoint_tag, s.prompt_version, i.user_id, i.tenant_id, s.model, s.provider,
            s.service_name),
        s.environment, s.data_mode, s.endpoint_tag, s.prompt_version, s.provider, s.model, s.service_name, i.tenant_id,
        i.user_id, {calls..latency_b23: coalesce(t.#, 0)},
        {input_cost_pico_usd..other_cost_pico_usd+ coalesce(t.#, 0)}
    FROM (
        SELECT u.is_window, u.series_id, NULL::bigint AS identity_id, {calls..latency_b23: u.#}
        FROM genai.series_sums(
            p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service,
            p_source) u
        WHERE p_source = 'series'
        UNION ALL
        SELECT u.is_window, u.series_id, u.identity_id, {calls..latency_b23: u.#}
        FROM genai.identity_sums(
            p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
            p_provider, p_service, p_source) u
        WHERE p_source NOT IN ('series', 'none')
    ) t
    LEFT JOIN genai.series s ON s.id = t.series_id
    LEFT JOIN genai.identity i ON i.id = t.identity_id
$$;

CREATE FUNCTION genai.usage_of_both(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_dimension text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS TABLE (
    side integer, segment text, endpoint_tag text, prompt_version text, provider text, model text, service_name text,
    tenant_id text, user_id text, {calls..latency_b23: # numeric}, cost_pico_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.side, u.segment, u.endpoint_tag, u.prompt_version, u.provider, u.model, u.service_name, u.tenant_id,
        u.user_id, {calls..latency_b23: u.#}, u.cost_pico_usd
    FROM genai.sums_of(
        p_from, p_to, p_baseline, p_env, p_data_mode, p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant,
        p_model, p_provider, p_service,
        genai.window_source(p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_service)) u
$$;

-- The usage of a window alone.
CREATE FUNCTION genai.usage_of(
    p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text, p_dimension text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS TABLE (
    segment text, endpoint_tag text, prompt_version text, provider text, model text, service_name text,
    tenant_id text, user_id text, {calls..latency_b23: # numeric}, cost_pico_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.segment, u.endpoint_tag, u.prompt_version, u.provider, u.model, u.service_name, u.tenant_id, u.user_id,
        {calls..latency_b23: u.#}, u.cost_pico_usd
    FROM genai.usage_of_both(
        p_from, p_to, NULL, p_env, p_data_mode, p_dimension, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
        p_provider, p_service) u
$$;
