-- Cells as the search takes them: codes for values, and what each was to be expected to cost.

-- Per dimension the named values by spend; the code of a value is its place, 0 is nobody's. Ten bits hold 1,023.
CREATE FUNCTION genai.code_of(p_place bigint, p_value text)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_place <= 1023 AND genai.is_named(p_value) THEN p_place ELSE 0 END
$$;

-- The key of every cell, by its place: the codes of its values, ten bits each.
CREATE FUNCTION genai.cell_keys(p_cells genai.usage_cell[])
RETURNS TABLE (id bigint, key bigint) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT v.id, bit_or(v.code << 10 * v.dimension)
    FROM (
        SELECT v.id, v.dimension, CASE WHEN v.value IS NULL THEN 0 ELSE genai.code_of(
            dense_rank() OVER (PARTITION BY v.dimension ORDER BY v.cost DESC, v.value), v.value) END AS code
        FROM (
            SELECT c.ordinality AS id, d.dimension, d.value, CASE WHEN d.value IS NOT NULL
                THEN sum(c.k0 + c.k1) OVER (PARTITION BY d.dimension, d.value) ELSE -1 END AS cost
            FROM unnest(p_cells) WITH ORDINALITY c
            CROSS JOIN LATERAL (VALUES (0, c.endpoint_tag), (1, c.prompt_version), (2, c.provider || '/' || c.model),
                (3, c.tenant_id), (4, c.service_name), (5, c.user_id)) d (dimension, value)
        ) v
    ) v
    GROUP BY v.id
$$;

-- Whether new versions or models took over from those that fell: their requests are 30% of what these lost, or more.
CREATE FUNCTION genai.taken_over(p_before double precision, p_now double precision, p_new double precision)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(p_new > 0 AND p_before > 0 AND p_new >= 0.3 * (p_before + p_new - p_now), false)
$$;

-- The requests (r) and the cost (f) of every cell, and whether a new version or model took over from it or is it: at most 5%
-- of its requests before, at most 90% of them now (a deploy inside the window leaves the old version a part of it).
-- Requests are counted where the first call of each stands: where further calls stand alone, these are judged. `pooled`:
-- what the pool of replaced and new cells cost and asked before, by the cell's share of its requests now, each tenant's at
-- its own cost of a request. Replaced by the same model at the same endpoint, else by another model there.
CREATE FUNCTION genai.pooled_cells(p_cells genai.usage_cell[])
RETURNS TABLE (
    id bigint, endpoint_tag text, model text, tenant_id text, r0 double precision, r1 double precision, f0 double precision,
    f1 double precision, is_new boolean, is_gone boolean, pooled_cost double precision, pooled_requests double precision
) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH cell AS MATERIALIZED (
        SELECT c.ordinality AS id, c.service_name, c.endpoint_tag, c.prompt_version, c.provider || '/' || c.model AS model,
            c.tenant_id, c.k0::float8 AS f0, c.k1::float8 AS f1,
            CASE WHEN b.by_call THEN c.c0 ELSE greatest(c.n0, least(c.c0, 1)) END::float8 AS r0,
            CASE WHEN b.by_call THEN c.c1 ELSE greatest(c.n1, least(c.c1, 1)) END::float8 AS r1
        FROM unnest(p_cells) WITH ORDINALITY c
        CROSS JOIN LATERAL (SELECT 10 * c.n0 < c.c0 OR 10 * c.n1 < c.c1 AS by_call) b
    ), replaced AS (
        SELECT c.*, c.triple0 <= 0.05 * c.triple1 AS is_new, c.triple1 <= 0.9 * c.triple0 AS is_gone,
            c.triple0 <= 0.05 * c.triple1 OR c.triple1 <= 0.9 * c.triple0 AS is_replaced
        FROM (
            SELECT c.*, sum(c.r0) OVER triple AS triple0, sum(c.r1) OVER triple AS triple1
            FROM cell c
            WINDOW triple AS (PARTITION BY c.service_name, c.endpoint_tag, c.prompt_version, c.model)
        ) c
    ), versions AS (
        SELECT r.*, genai.taken_over(sum(r.r0) OVER pool, sum(r.r1) OVER pool, sum(CASE WHEN r.is_new THEN r.r1 END) OVER pool)
                AND r.is_replaced AS by_version,
            sum(r.f0) OVER pool AS version_cost, sum(r.r0) OVER pool / nullif(sum(r.r1) OVER pool, 0) * r.r1 AS version_requests,
            r.r1 * coalesce(sum(r.f0) OVER own / nullif(sum(r.r0) OVER own, 0),
                sum(r.f0) OVER pool / nullif(sum(r.r0) OVER pool, 0)) AS version_weight
        FROM replaced r
        WINDOW pool AS (PARTITION BY r.service_name, r.endpoint_tag, r.model, r.is_replaced),
            own AS (PARTITION BY r.service_name, r.endpoint_tag, r.model, r.is_replaced, r.tenant_id)
    ), models AS (
        SELECT v.*, genai.taken_over(sum(v.r0) OVER pool, sum(v.r1) OVER pool, sum(CASE WHEN v.is_new THEN v.r1 END) OVER pool)
                AND v.is_replaced AND NOT v.by_version AS by_model,
            sum(v.f0) OVER pool AS model_cost, sum(v.r0) OVER pool / nullif(sum(v.r1) OVER pool, 0) * v.r1 AS model_requests,
            v.r1 * coalesce(sum(v.f0) OVER own / nullif(sum(v.r0) OVER own, 0),
                sum(v.f0) OVER pool / nullif(sum(v.r0) OVER pool, 0)) AS model_weight
        FROM versions v
        WINDOW pool AS (PARTITION BY v.service_name, v.endpoint_tag, v.is_replaced, v.by_version),
            own AS (PARTITION BY v.service_name, v.endpoint_tag, v.is_replaced, v.by_version, v.tenant_id)
    )
    SELECT m.id, m.endpoint_tag, m.model, m.tenant_id, m.r0, m.r1, m.f0, m.f1, m.is_new, m.is_gone,
        CASE WHEN m.by_version THEN m.version_cost * m.version_weight / nullif(sum(m.version_weight) OVER version, 0)
            WHEN m.by_model THEN m.model_cost * m.model_weight / nullif(sum(m.model_weight) OVER model, 0) END,
        CASE WHEN m.by_version THEN m.version_requests WHEN m.by_model THEN m.model_requests END
    FROM models m
    WINDOW version AS (PARTITION BY m.service_name, m.endpoint_tag, m.model, m.is_replaced),
        model AS (PARTITION BY m.service_name, m.endpoint_tag, m.is_replaced, m.by_version)
$$;

-- The same with the cost of a request to be expected: the cell's own, for a new cell that of its kin (same endpoint, model
-- and tenant, then less), known as if from half of their requests.
CREATE FUNCTION genai.kin_cells(p_cells genai.usage_cell[])
RETURNS TABLE (
    id bigint, r0 double precision, r1 double precision, f0 double precision, f1 double precision, is_new boolean,
    is_gone boolean, pooled_cost double precision, pooled_requests double precision, unit double precision,
    known_from double precision
) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT r.id, r.r0, r.r1, r.f0, r.f1, r.is_new, r.is_gone, r.pooled_cost, r.pooled_requests,
        CASE WHEN r.r0 > 0 THEN r.f0 / r.r0 ELSE coalesce(
            sum(r.f0) OVER narrow / nullif(sum(r.r0) OVER narrow, 0), sum(r.f0) OVER model / nullif(sum(r.r0) OVER model, 0),
            sum(r.f0) OVER place / nullif(sum(r.r0) OVER place, 0), sum(r.f0) OVER () / nullif(sum(r.r0) OVER (), 0)) END,
        CASE WHEN r.r0 > 0 THEN r.r0 ELSE greatest(3, coalesce(
            nullif(sum(r.r0) OVER narrow, 0), nullif(sum(r.r0) OVER model, 0), nullif(sum(r.r0) OVER place, 0),
            sum(r.r0) OVER ()) / 2) END
    FROM genai.pooled_cells(p_cells) r
    WINDOW narrow AS (PARTITION BY r.endpoint_tag, r.model, r.tenant_id), model AS (PARTITION BY r.endpoint_tag, r.model),
        place AS (PARTITION BY r.endpoint_tag)
$$;

-- By how much the cost of a call scatters inside cells: the square of its coefficient of variation, 1 where squares are unknown.
CREATE FUNCTION genai.scatter_of(p_cells genai.usage_cell[])
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN min(c.source) = 'calls' THEN greatest(coalesce(
        sum(greatest(c.q0 - c.k0::float8 * c.k0::float8 / nullif(c.c0, 0)::float8, 0)
            + greatest(c.q1 - c.k1::float8 * c.k1::float8 / nullif(c.c1, 0)::float8, 0))
        / nullif(sum(power((c.k0 + c.k1)::float8 / greatest(c.c0 + c.c1, 1)::float8, 2)
            * (greatest(c.c0 - 1, 0) + greatest(c.c1 - 1, 0))::float8), 0), 1), 0) ELSE 1 END
    FROM unnest(p_cells) c
$$;

-- A cell as both measures judge it.
CREATE TYPE genai.judged_cell AS (
    id bigint, is_new boolean, is_gone boolean, spend genai.change_cell, unit genai.change_cell
);

-- Spend: `before` is what the cell cost in the baseline, or its part of what its pool did: a replaced version is no volume.
-- Cost per request: what the window's requests would have cost at the cost of a request to be expected; cells most of
-- which have no price are not judged.
-- The variance of a request's cost: of a call's tokens (from the squares of all calls; where a cell's own squares say more
-- than 2, from these: one giant call is no trend) and of the number of calls.
CREATE FUNCTION genai.judged_cells(p_cells genai.usage_cell[]) RETURNS SETOF genai.judged_cell
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan SET enable_nestloop = off AS $$
DECLARE
    v_scatter double precision := genai.scatter_of(p_cells);
BEGIN
    RETURN QUERY
    SELECT k.id, k.is_new, k.is_gone,
        ROW(k.id, h.key, coalesce(k.pooled_cost, k.f0), k.f1, w.weight,
            greatest(q.square * k.r1, CASE WHEN y.own > 0 THEN c.q1 END),
            greatest(q.square_before * coalesce(k.pooled_requests, k.r0), CASE WHEN y.own > 0 THEN c.q0 END), 1e-4
            )::genai.change_cell,
        ROW(k.id, h.key, CASE WHEN j.is_judged THEN k.unit * k.r1 ELSE 0 END, CASE WHEN j.is_judged THEN k.f1 ELSE 0 END,
            w.weight, 0, 0, 1e-4 + q.relative * (1 + k.r1 / k.known_from) / greatest(k.r1, 1))::genai.change_cell
    FROM genai.kin_cells(p_cells) k
    JOIN unnest(p_cells) WITH ORDINALITY c ON c.ordinality = k.id
    JOIN genai.cell_keys(p_cells) h ON h.id = k.id
    CROSS JOIN LATERAL (
        SELECT greatest(c.c0 + c.c1, 1)::float8 / greatest(k.r0 + k.r1, 1) AS attempts,
            (k.f0 + k.f1) / greatest(c.c0 + c.c1, 1)::float8 AS cost,
            (c.c0 + c.c1)::float8 * (c.q0 + c.q1) / nullif(power(k.f0 + k.f1, 2), 0) - 1 AS scatter
    ) x
    CROSS JOIN LATERAL (SELECT CASE WHEN x.scatter > 2 THEN x.scatter ELSE 0 END AS own) y
    CROSS JOIN LATERAL (
        SELECT x.attempts * v_scatter + greatest(x.attempts - 1, 0) + x.attempts * x.attempts AS moment
    ) z
    CROSS JOIN LATERAL (
        -- What a new version took over was scattered around what it cost then.
        SELECT power(x.cost, 2) * z.moment AS square, z.moment * power(coalesce(
                k.pooled_cost / nullif(k.pooled_requests, 0) / x.attempts, x.cost), 2) AS square_before,
            greatest(v_scatter, y.own) / greatest(x.attempts, 1)
                + greatest(x.attempts - 1, 0) / power(greatest(x.attempts, 1), 2) AS relative
    ) q
    CROSS JOIN LATERAL (SELECT CASE WHEN k.r0 > 0 AND k.r1 > 0 THEN k.r0 * k.r1 / (k.r0 + k.r1) ELSE 0 END AS weight) w
    CROSS JOIN LATERAL (
        SELECT k.r1 > 0 AND k.unit IS NOT NULL AND 2 * (c.unpriced0 + c.unpriced1) <= c.c0 + c.c1 AS is_judged
    ) j;
END
$$;
