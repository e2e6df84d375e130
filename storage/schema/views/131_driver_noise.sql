-- Drift and noise of cells (docs/internals/drivers.md has the formulas): pure arithmetic. It estimates noise, so it computes in
-- double precision; no money that is shown comes from here.
--
-- The functions over arrays from here on are PL/pgSQL where they are steps: their statements are planned once a session, while
-- SQL functions would be planned as one huge statement for every question (measured: 100 ms of 400).

-- One cell: what stands together in every dimension, in both windows. `id` is its place among the cells of usage.
-- key: six codes of ten bits (endpoint, prompt version, model, tenant, service, user); 0 is nobody's value.
-- before, now: pico-USD, `before` as it is to be expected of the window's requests when these are the measure.
-- weight: how much the cell knows about the drift. The variance of now - drift * before is
-- alpha + beta * drift^2 + gamma * m^2, where m is the mean of both.
CREATE TYPE genai.change_cell AS (
    id bigint, key bigint, before double precision, now double precision, weight double precision, alpha double precision,
    beta double precision, gamma double precision
);

-- Cells with excess y over the drift, size m and the variance v that the number of calls alone brings.
CREATE FUNCTION genai.excess_of(p_cells genai.change_cell[], p_drift double precision)
RETURNS TABLE (
    key bigint, before double precision, now double precision, y double precision, m double precision, v double precision
) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT c.key, c.before, c.now, c.now - p_drift * c.before, (c.now + p_drift * c.before) / 2,
        c.alpha + c.beta * p_drift * p_drift + c.gamma * power((c.now + p_drift * c.before) / 2, 2)
    FROM unnest(p_cells) c
$$;

-- A first drift: the weighted median of now / before. Most cells did what all did.
CREATE FUNCTION genai.median_drift(p_cells genai.change_cell[])
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(min(o.ratio) FILTER (WHERE 2 * o.reached >= o.whole AND o.ratio > 0), 1)
    FROM (
        SELECT r.ratio, sum(r.weight) OVER (ORDER BY r.ratio) AS reached, sum(r.weight) OVER () AS whole
        FROM (
            SELECT c.now / c.before AS ratio, c.weight FROM unnest(p_cells) c WHERE c.before > 0 AND c.weight > 0
        ) r
    ) o
$$;

-- How noisy the cells are around a drift, and a better drift. phi: how much more or less the calls scatter than a compound
-- Poisson process, from the half of the cells with the least signal, and four of 1, for few cells say little. tau2: the square
-- of a relative spread that every cell has beside it, from the other half (their median; of few cells the lowest tenth, for
-- one cause may be half of them; 0.455 is the median of chi-square with one degree of freedom; the cap makes phi too small
-- for this). The next drift weighs every cell by its information and leaves out those four deviations away.
CREATE FUNCTION genai.noise_around(p_cells genai.change_cell[], p_drift double precision)
RETURNS TABLE (phi double precision, tau2 double precision, next_drift double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH cell AS MATERIALIZED (
        SELECT x.*, x.m * x.m / x.v AS signal, row_number() OVER (ORDER BY x.m * x.m / x.v, x.key) AS place,
            count(*) OVER () AS cells
        FROM genai.excess_of(p_cells, p_drift) x
        WHERE x.v > 0 AND x.m > 0
    ), poisson AS MATERIALIZED (
        SELECT CASE WHEN max(c.cells) < 10 THEN 1.0 ELSE least(4.0, greatest(0.1,
            (4 + sum(least(c.y * c.y / c.v, 9)) FILTER (WHERE 2 * c.place <= c.cells))
            / (4 + count(*) FILTER (WHERE 2 * c.place <= c.cells)))) END::float8 AS phi
        FROM cell c
    ), spread AS MATERIALIZED (
        SELECT p.phi, CASE WHEN max(o.cells) < 10 THEN 0 ELSE greatest(0.0,
            min(o.tau2) FILTER (WHERE o.reached >= o.whole * CASE WHEN o.cells < 100 THEN 0.1 ELSE 0.5 END)) END::float8 AS tau2
        FROM poisson p
        LEFT JOIN LATERAL (
            SELECT t.tau2, t.cells, sum(t.signal) OVER (ORDER BY t.tau2) AS reached, sum(t.signal) OVER () AS whole
            FROM (
                SELECT (c.y * c.y / 0.455 - greatest(p.phi, least(1, 1.4 * p.phi)) * c.v) / (c.m * c.m) AS tau2, c.signal, c.cells
                FROM cell c WHERE 2 * c.place > c.cells
            ) t
        ) o ON true
        GROUP BY p.phi
    )
    SELECT s.phi, coalesce(s.tau2, 0), coalesce(
        sum(w.weight * c.now) / nullif(sum(w.weight * c.before), 0), p_drift)
    FROM spread s
    LEFT JOIN cell c ON true
    LEFT JOIN LATERAL (
        SELECT c.m / n.v * power(1 - least(1, c.y * c.y / (16 * n.v)), 2) AS weight
        FROM (SELECT s.phi * c.v + s.tau2 * c.m * c.m AS v) n
    ) w ON true
    GROUP BY s.phi, s.tau2
$$;

-- Drift and noise after three steps, which is where they stand still.
CREATE FUNCTION genai.drift_of(
    p_cells genai.change_cell[], OUT drift double precision, OUT phi double precision, OUT tau2 double precision
) LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_next double precision := genai.median_drift(p_cells);
BEGIN
    FOR step IN 1..3 LOOP
        drift := v_next;
        SELECT n.phi, n.tau2, n.next_drift INTO phi, tau2, v_next FROM genai.noise_around(p_cells, drift) n;
        v_next := CASE WHEN v_next > 0 THEN v_next ELSE drift END;
    END LOOP;
END
$$;
