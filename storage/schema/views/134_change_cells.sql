-- ranges: storage/schema/measures.py
-- The cells of a change: what stands together in every dimension, in a window and its baseline.

-- One cell of usage. `user_id` is NULL but for the few users who stand out. n requests, c calls, k cost, q squared costs;
-- arrays hold the five classes of cost (input, cache read, cache write, output, other) and the tokens beside them; for `other`
-- these are calls. Pico-USD.
CREATE TYPE genai.usage_cell AS (
    source text, service_name text, endpoint_tag text, prompt_version text, provider text, model text, tenant_id text,
    user_id text, n0 numeric, n1 numeric, c0 numeric, c1 numeric, k0 numeric, k1 numeric,
    q0 double precision, q1 double precision, successes0 numeric, successes1 numeric, errors0 numeric, errors1 numeric,
    unpriced0 numeric, unpriced1 numeric, tokens0 numeric[], tokens1 numeric[], costs0 numeric[], costs1 numeric[]
);

-- What a user spent and asked, both windows.
CREATE TYPE genai.user_change AS (user_id text, n0 numeric, n1 numeric, k0 numeric, k1 numeric);

-- The users who stand out: of the 50 most expensive those whose spend or cost per request moved apart from all others'.
CREATE FUNCTION genai.users_apart(p_users genai.user_change[], p_share double precision DEFAULT 0.03)
RETURNS TABLE (user_id text) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p.user_id
    FROM (
        SELECT u.user_id, u.n0::float8, u.n1::float8, u.k0::float8, u.k1::float8, sum(u.k0) OVER ()::float8 AS all_k0,
            sum(u.k1) OVER ()::float8 AS all_k1, sum(u.n0) OVER ()::float8 AS all_n0, sum(u.n1) OVER ()::float8 AS all_n1,
            row_number() OVER (ORDER BY u.k0 + u.k1 DESC, u.user_id) AS place
        FROM unnest(p_users) u
    ) p
    CROSS JOIN LATERAL (
        SELECT (p.all_k1 - p.k1) / nullif(p.all_k0 - p.k0, 0) AS spend, (p.all_k1 - p.k1) / nullif(p.all_n1 - p.n1, 0)
            / nullif((p.all_k0 - p.k0) / nullif(p.all_n0 - p.n0, 0), 0) AS unit,
            coalesce(p.k0 / nullif(p.n0, 0), (p.all_k0 - p.k0) / nullif(p.all_n0 - p.n0, 0)) AS cost
    ) r
    WHERE p.place <= 50 AND genai.is_named(p.user_id) AND (
        abs(p.k1 - r.spend * p.k0) >= p_share * greatest(p.all_k0, p.all_k1)
        OR abs(p.k1 - r.unit * r.cost * p.n1) >= p_share * greatest(p.all_k0, p.all_k1))
    ORDER BY abs(p.k1 - r.spend * p.k0) DESC, p.user_id
    LIMIT 5
$$;

-- A model at an endpoint, and how many of its calls were answered.
CREATE TYPE genai.model_success AS (endpoint_tag text, provider text, model text, successes numeric);

-- Models that never answered, and the one of their family that did there: a call that fails names the model that was asked
-- for, not another one (docs/decisions/0009).
CREATE FUNCTION genai.answered_as(p_models genai.model_success[])
RETURNS TABLE (endpoint_tag text, provider text, model text, answered text) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT ON (f.endpoint_tag, f.provider, f.model) f.endpoint_tag, f.provider, f.model, a.model
    FROM unnest(p_models) f
    JOIN unnest(p_models) a ON a.endpoint_tag = f.endpoint_tag AND a.provider = f.provider AND a.successes > 0
        AND genai.model_family(a.model) = genai.model_family(f.model)
    WHERE f.successes = 0
    ORDER BY f.endpoint_tag, f.provider, f.model, a.successes DESC, a.model
$$;

-- The statement that makes cells of usage: `p_usage` is the function that answers. The few users who stand out are apart: of
-- the 50 most expensive those whose spend or cost per request moved apart from all others', at most five.
CREATE FUNCTION genai.statement_of_cells(p_usage text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT format($statement$
WITH usage AS MATERIALIZED (
    SELECT u.* FROM genai.%I($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) u
), answered AS MATERIALIZED (
    SELECT m.* FROM genai.answered_as((
        SELECT array_agg(ROW(x.endpoint_tag, x.provider, x.model, x.successes)::genai.model_success)
        FROM (
            SELECT u.endpoint_tag, u.provider, u.model, sum(u.successes) AS successes
            FROM usage u GROUP BY u.endpoint_tag, u.provider, u.model
        ) x)) m
), tenant AS MATERIALIZED (
    SELECT c.tenant_id, count(*) AS cells, sum(c.k0) AS k0, sum(c.k1) AS k1
    FROM (
        SELECT u.tenant_id, sum(u.cost * (1 - u.side)) AS k0, sum(u.cost * u.side) AS k1
        FROM usage u
        GROUP BY u.service_name, u.endpoint_tag, u.prompt_version, u.provider, u.model, u.tenant_id
    ) c
    GROUP BY c.tenant_id
), kept AS MATERIALIZED (
    SELECT x.tenant_id
    FROM (
        SELECT t.tenant_id, r.place, sum(t.cells) OVER (ORDER BY r.place) AS cells
        FROM tenant t
        JOIN genai.tenants_by_rank((
            SELECT array_agg(ROW(t.tenant_id, t.k0, t.k1)::genai.tenant_change) FROM tenant t)) r
            ON r.tenant_id = t.tenant_id
    ) x
    WHERE x.cells <= genai.most_cells() OR x.place <= genai.least_tenants()
), apart AS MATERIALIZED (
    SELECT a.user_id FROM genai.users_apart((
        SELECT array_agg(ROW(x.user_id, x.n0, x.n1, x.k0, x.k1)::genai.user_change)
        FROM (
            SELECT u.user_id, coalesce(sum(u.cost) FILTER (WHERE u.side = 0), 0) AS k0,
                coalesce(sum(u.cost) FILTER (WHERE u.side = 1), 0) AS k1,
                coalesce(sum(u.requests) FILTER (WHERE u.side = 0), 0) AS n0,
                coalesce(sum(u.requests) FILTER (WHERE u.side = 1), 0) AS n1
            FROM usage u GROUP BY u.user_id
        ) x)) a
)
SELECT array_agg(ROW($14, c.service_name, c.endpoint_tag, c.prompt_version, c.provider, c.model, c.tenant_id, c.user_id,
    c.n0, c.n1, c.c0, c.c1, c.k0, c.k1, c.q0, c.q1, c.successes0, c.successes1, c.errors0, c.errors1,
    c.unpriced0, c.unpriced1, c.tokens0 || c.c0, c.tokens1 || c.c1, c.costs0, c.costs1)::genai.usage_cell)
FROM (
    SELECT u.service_name, u.endpoint_tag, u.prompt_version, u.provider, coalesce(m.answered, u.model) AS model,
        coalesce(k.tenant_id, '__other__') AS tenant_id, a.user_id,
        coalesce(sum(u.requests) FILTER (WHERE u.side = 0), 0) AS n0,
        coalesce(sum(u.requests) FILTER (WHERE u.side = 1), 0) AS n1,
        coalesce(sum(u.calls) FILTER (WHERE u.side = 0), 0) AS c0,
        coalesce(sum(u.calls) FILTER (WHERE u.side = 1), 0) AS c1,
        coalesce(sum(u.cost) FILTER (WHERE u.side = 0), 0) AS k0,
        coalesce(sum(u.cost) FILTER (WHERE u.side = 1), 0) AS k1,
        coalesce(sum(u.cost_square) FILTER (WHERE u.side = 0), 0) AS q0,
        coalesce(sum(u.cost_square) FILTER (WHERE u.side = 1), 0) AS q1,
        coalesce(sum(u.successes) FILTER (WHERE u.side = 0), 0) AS successes0,
        coalesce(sum(u.successes) FILTER (WHERE u.side = 1), 0) AS successes1,
        coalesce(sum(u.errors) FILTER (WHERE u.side = 0), 0) AS errors0,
        coalesce(sum(u.errors) FILTER (WHERE u.side = 1), 0) AS errors1,
        coalesce(sum(u.unpriced_calls) FILTER (WHERE u.side = 0), 0) AS unpriced0,
        coalesce(sum(u.unpriced_calls) FILTER (WHERE u.side = 1), 0) AS unpriced1,
        ARRAY[coalesce(sum(u.fresh_tokens) FILTER (WHERE u.side = 0), 0),
            coalesce(sum(u.cache_read_tokens) FILTER (WHERE u.side = 0), 0),
            coalesce(sum(u.cache_write_tokens) FILTER (WHERE u.side = 0), 0),
            coalesce(sum(u.output_tokens) FILTER (WHERE u.side = 0), 0)] AS tokens0,
        ARRAY[coalesce(sum(u.fresh_tokens) FILTER (WHERE u.side = 1), 0),
            coalesce(sum(u.cache_read_tokens) FILTER (WHERE u.side = 1), 0),
            coalesce(sum(u.cache_write_tokens) FILTER (WHERE u.side = 1), 0),
            coalesce(sum(u.output_tokens) FILTER (WHERE u.side = 1), 0)] AS tokens1,
        ARRAY[{input_cost_pico_usd..other_cost_pico_usd: coalesce(sum(u.#) FILTER (WHERE u.side = 0), 0)}] AS costs0,
        ARRAY[{input_cost_pico_usd..other_cost_pico_usd: coalesce(sum(u.#) FILTER (WHERE u.side = 1), 0)}] AS costs1
    FROM usage u
    LEFT JOIN apart a ON a.user_id = u.user_id
    LEFT JOIN kept k ON k.tenant_id = u.tenant_id
    LEFT JOIN answered m ON m.endpoint_tag = u.endpoint_tag AND m.provider = u.provider AND m.model = u.model
    GROUP BY u.service_name, u.endpoint_tag, u.prompt_version, u.provider, coalesce(m.answered, u.model), k.tenant_id,
        a.user_id
) c
$statement$, p_usage)
$$;

-- The cells of a change. Only the source that answers is planned and read: the statement is made for it.
CREATE FUNCTION genai.cells_of_change(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS genai.usage_cell[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_before timestamptz := genai.baseline_from(p_from, p_to, p_baseline);
    v_before_to timestamptz := genai.baseline_to(p_from, p_to, p_baseline);
    v_source text;
    v_cells genai.usage_cell[];
BEGIN
    EXECUTE 'SELECT genai.change_source($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)' INTO v_source
    USING p_from, p_to, v_before, v_before_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
        p_provider, p_service;
    EXECUTE genai.statement_of_cells(CASE v_source WHEN 'calls' THEN 'usage_of_calls' ELSE 'usage_of_sums' END)
    INTO v_cells
    USING p_from, p_to, v_before, v_before_to, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
        p_provider, p_service, v_source;
    RETURN v_cells;
END
$$;
