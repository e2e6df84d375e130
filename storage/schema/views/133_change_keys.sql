-- Cells as the search takes them: codes for values, and what each was to be expected to cost.

-- Per dimension the named values by spend; the code of a value is its place, 0 is nobody's. Ten bits hold 1,023.
CREATE FUNCTION genai.code_of(p_place bigint, p_value text)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_place <= 1023 AND genai.is_named(p_value) THEN p_place ELSE 0 END
$$;

-- The groups of dimensions that a combination may name: up to three of those with more than one value, a user alone or
-- with an endpoint.
CREATE FUNCTION genai.combination_masks(p_keys bigint[])
RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH varied AS MATERIALIZED (
        SELECT d.place, 1023::bigint << 10 * d.place AS bits
        FROM generate_series(0, 5) d (place)
        WHERE (SELECT count(DISTINCT k & (1023::bigint << 10 * d.place)) FROM unnest(p_keys) k) > 1
    )
    SELECT array_agg(m.mask ORDER BY m.mask)
    FROM (
        SELECT DISTINCT a.bits | b.bits | c.bits AS mask
        FROM varied a CROSS JOIN varied b CROSS JOIN varied c
    ) m
    WHERE m.mask < 1023::bigint << 50 OR m.mask & ~(1023::bigint << 50) IN (0, 1023)
$$;

-- Whether new versions or models took over from those that fell: their requests are 30 % of what these lost, or more.
CREATE FUNCTION genai.taken_over(p_before double precision, p_now double precision, p_new double precision)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(p_new > 0 AND p_before > 0 AND p_new >= 0.3 * (p_before + p_new - p_now), false)
$$;

-- The cells of a change with their key, and as the search takes them.
--
-- Spend: `before` is what the cell cost in the baseline. Where a version or model of an endpoint is new (at most 5 % of its
-- requests before) and took over from others that fell to half or less, these are one pool: each is set against what the
-- pool cost, by its share of the requests now. A replaced version is no volume.
-- Cost per request: `before` is what the window's requests would have cost at the cell's own cost per request; a new cell
-- takes that of its kin (same endpoint, model and tenant, then less), known as if from half of their requests.
-- Cells without a price are not judged.
-- The variance of a request's cost: of a call's tokens (cv2, from the squares of all calls; where a cell's own
-- squares say more than 2, from these: one giant call is no trend) and of the number of calls.
CREATE FUNCTION genai.change_cells(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_measure text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS TABLE (
    source text, service_name text, endpoint_tag text, prompt_version text, provider text, model text, tenant_id text,
    user_id text, n0 numeric, n1 numeric, c0 numeric, c1 numeric, k0 numeric, k1 numeric,
    successes0 numeric, successes1 numeric, errors0 numeric, errors1 numeric, unpriced0 numeric, unpriced1 numeric,
    tokens0 numeric[], tokens1 numeric[], costs0 numeric[], costs1 numeric[],
    is_new boolean, is_gone boolean, cell genai.change_cell
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH cell AS MATERIALIZED (
        SELECT c.*, c.provider || '/' || c.model AS full_model, e.r0, e.r1, c.k0::float8 AS f0, c.k1::float8 AS f1,
            -- Requests are counted where the first call of each stands: where further calls stand alone, these are judged.
            greatest(c.c0 + c.c1, 1)::float8 / greatest(e.r0 + e.r1, 1) AS attempts
        FROM genai.cells_of_change(
            p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
            p_provider, p_service) c
        CROSS JOIN LATERAL (
            SELECT CASE WHEN b.by_call THEN c.c0 ELSE greatest(c.n0, least(c.c0, 1)) END::float8 AS r0,
                CASE WHEN b.by_call THEN c.c1 ELSE greatest(c.n1, least(c.c1, 1)) END::float8 AS r1
            FROM (SELECT 10 * c.n0 < c.c0 OR 10 * c.n1 < c.c1 AS by_call) b
        ) e
    ), value AS (
        SELECT d.dimension, d.value, genai.code_of(
            row_number() OVER (PARTITION BY d.dimension ORDER BY sum(c.k0 + c.k1) DESC, d.value), d.value) AS code
        FROM cell c
        CROSS JOIN LATERAL (VALUES (0, c.endpoint_tag), (1, c.prompt_version), (2, c.full_model), (3, coalesce(c.tenant_id, 'unknown')),
            (4, c.service_name), (5, c.user_id)) d (dimension, value)
        WHERE d.value IS NOT NULL
        GROUP BY d.dimension, d.value
    ), code AS MATERIALIZED (
        -- Looked up by value: joins of what has no statistics would be nested loops.
        SELECT jsonb_object_agg(v.value, v.code) FILTER (WHERE v.dimension = 0) AS endpoints,
            jsonb_object_agg(v.value, v.code) FILTER (WHERE v.dimension = 1) AS prompt_versions,
            jsonb_object_agg(v.value, v.code) FILTER (WHERE v.dimension = 2) AS models,
            jsonb_object_agg(v.value, v.code) FILTER (WHERE v.dimension = 3) AS tenants,
            jsonb_object_agg(v.value, v.code) FILTER (WHERE v.dimension = 4) AS services,
            jsonb_object_agg(v.value, v.code) FILTER (WHERE v.dimension = 5) AS users
        FROM value v
    ), scatter AS MATERIALIZED (
        SELECT CASE WHEN min(c.source) = 'calls' THEN greatest(coalesce(
            sum(greatest(c.q0 - c.f0 * c.f0 / nullif(c.c0, 0)::float8, 0) + greatest(c.q1 - c.f1 * c.f1 / nullif(c.c1, 0)::float8, 0))
            / nullif(sum(power((c.f0 + c.f1) / greatest(c.c0 + c.c1, 1)::float8, 2)
                * (greatest(c.c0 - 1, 0) + greatest(c.c1 - 1, 0))::float8), 0), 1), 0) ELSE 1 END AS cv2
        FROM cell c
    ), replaced AS MATERIALIZED (
        SELECT c.*, r.is_new, r.is_gone, r.is_new OR r.is_gone AS is_replaced
        FROM (
            SELECT c.*, sum(c.r0) OVER triple AS triple0, sum(c.r1) OVER triple AS triple1
            FROM cell c
            WINDOW triple AS (PARTITION BY c.service_name, c.endpoint_tag, c.prompt_version, c.full_model)
        ) c
        CROSS JOIN LATERAL (
            SELECT c.triple0 <= 0.05 * c.triple1 AS is_new, c.triple1 <= 0.5 * c.triple0 AS is_gone
        ) r
    ), versions AS MATERIALIZED (
        -- Replaced by the same model at the same endpoint; else by another model there.
        SELECT r.*, genai.taken_over(sum(r.r0) OVER pool, sum(r.r1) OVER pool, sum(CASE WHEN r.is_new THEN r.r1 END) OVER pool)
                AND r.is_replaced AS by_version,
            sum(r.f0) OVER pool AS version_cost, sum(r.r0) OVER pool AS version_requests, sum(r.r1) OVER pool AS version_now
        FROM replaced r
        WINDOW pool AS (PARTITION BY r.service_name, r.endpoint_tag, r.full_model, r.is_replaced)
    ), models AS MATERIALIZED (
        SELECT v.*, genai.taken_over(sum(v.r0) OVER pool, sum(v.r1) OVER pool, sum(CASE WHEN v.is_new THEN v.r1 END) OVER pool)
                AND v.is_replaced AND NOT v.by_version AS by_model,
            sum(v.f0) OVER pool AS model_cost, sum(v.r0) OVER pool AS model_requests, sum(v.r1) OVER pool AS model_now
        FROM versions v
        WINDOW pool AS (PARTITION BY v.service_name, v.endpoint_tag, v.is_replaced, v.by_version)
    ), kin AS MATERIALIZED (
        SELECT r.*, CASE WHEN r.r0 > 0 THEN r.f0 / r.r0 ELSE coalesce(
            sum(r.f0) OVER narrow / nullif(sum(r.r0) OVER narrow, 0), sum(r.f0) OVER model / nullif(sum(r.r0) OVER model, 0),
            sum(r.f0) OVER place / nullif(sum(r.r0) OVER place, 0), sum(r.f0) OVER () / nullif(sum(r.r0) OVER (), 0)
            ) END AS unit,
            coalesce(nullif(sum(r.r0) OVER narrow, 0), nullif(sum(r.r0) OVER model, 0), nullif(sum(r.r0) OVER place, 0),
                sum(r.r0) OVER ()) AS kin_requests,
            CASE WHEN r.by_version THEN r.version_cost / r.version_now WHEN r.by_model THEN r.model_cost / r.model_now END
                * r.r1 AS pooled_cost,
            CASE WHEN r.by_version THEN r.version_requests / r.version_now WHEN r.by_model
                THEN r.model_requests / r.model_now END * r.r1 AS pooled_requests
        FROM models r
        WINDOW narrow AS (PARTITION BY r.endpoint_tag, r.full_model, r.tenant_id),
            model AS (PARTITION BY r.endpoint_tag, r.full_model), place AS (PARTITION BY r.endpoint_tag)
    )
    SELECT k.source, k.service_name, k.endpoint_tag, k.prompt_version, k.provider, k.model, k.tenant_id, k.user_id,
        k.n0, k.n1, k.c0, k.c1, k.k0, k.k1, k.successes0, k.successes1, k.errors0, k.errors1, k.unpriced0, k.unpriced1,
        k.tokens0, k.tokens1, k.costs0, k.costs1, k.is_new, k.is_gone,
        ROW(
            (o.endpoints -> k.endpoint_tag)::bigint | ((o.prompt_versions -> k.prompt_version)::bigint << 10)
            | ((o.models -> k.full_model)::bigint << 20) | ((o.tenants -> coalesce(k.tenant_id, 'unknown'))::bigint << 30)
            | ((o.services -> k.service_name)::bigint << 40) | (coalesce((o.users -> k.user_id)::bigint, 0) << 50),
            x.before, x.now, x.weight, x.alpha, x.beta, x.gamma)::genai.change_cell
    FROM kin k
    CROSS JOIN scatter z
    CROSS JOIN code o
    CROSS JOIN LATERAL (
        SELECT y.own, power(y.cost, 2) * (k.attempts * z.cv2 + greatest(k.attempts - 1, 0) + k.attempts * k.attempts) AS square,
            greatest(z.cv2, y.own) / greatest(k.attempts, 1) + greatest(k.attempts - 1, 0) / power(greatest(k.attempts, 1), 2) AS relative,
            CASE WHEN k.r0 > 0 AND k.r1 > 0 THEN k.r0 * k.r1 / (k.r0 + k.r1) ELSE 0 END AS weight
        FROM (
            SELECT (k.f0 + k.f1) / greatest(k.c0 + k.c1, 1)::float8 AS cost,
                CASE WHEN h.own > 2 THEN h.own ELSE 0 END AS own
            FROM (SELECT (k.c0 + k.c1)::float8 * (k.q0 + k.q1) / nullif(power(k.f0 + k.f1, 2), 0) - 1 AS own) h
        ) y
    ) q
    CROSS JOIN LATERAL (
        SELECT coalesce(k.pooled_cost, k.f0) AS before, k.f1 AS now, q.weight, greatest(q.square * k.r1, CASE WHEN q.own > 0 THEN k.q1 END) AS alpha,
            greatest(q.square * coalesce(k.pooled_requests, k.r0), CASE WHEN q.own > 0 THEN k.q0 END) AS beta, 1e-4 AS gamma
        WHERE p_measure = 'spend'
        UNION ALL
        SELECT CASE WHEN j.is_judged THEN k.unit * k.r1 ELSE 0 END, CASE WHEN j.is_judged THEN k.f1 ELSE 0 END, q.weight, 0, 0,
            1e-4 + q.relative * (1 + k.r1 / CASE WHEN k.r0 > 0 THEN k.r0 ELSE greatest(3, k.kin_requests / 2) END) / greatest(k.r1, 1)
        FROM (
            SELECT k.r1 > 0 AND k.unit IS NOT NULL AND 2 * (k.unpriced0 + k.unpriced1) <= k.c0 + k.c1 AS is_judged
        ) j
        WHERE p_measure = 'cost_per_request'
    ) x
$$;
