-- Which combinations of dimensions explain a change (LEDGER §25, docs/internals/drivers.md has the formulas): pure arithmetic
-- over cells. It estimates noise, so it computes in double precision; no money that is shown comes from here.

-- One cell: what stands together in every dimension, in both windows.
-- key: six codes of ten bits (endpoint, prompt version, model, tenant, service, user); 0 is nobody's value.
-- before, now: pico-USD, `before` as it is to be expected of the window's requests when these are the measure.
-- weight: how much the cell knows about the drift. The variance of now - drift * before is
-- alpha + beta * drift^2 + gamma * m^2, where m is the mean of both.
CREATE TYPE genai.change_cell AS (
    key bigint, before double precision, now double precision, weight double precision, alpha double precision,
    beta double precision, gamma double precision
);

-- Whether every dimension of a combination has a value with a name.
CREATE FUNCTION genai.is_nameable(p_key bigint, p_mask bigint)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT bool_and(p_mask & (1023::bigint << 10 * d) = 0 OR p_key & (1023::bigint << 10 * d) <> 0)
    FROM generate_series(0, 5) d
$$;

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
-- Poisson process, from the half of the cells with the least signal; tau2: the square of a relative spread that every
-- cell has beside it, from the other half (their median; of few cells the lowest tenth, for one cause may be half of
-- them; 0.455 is the median of chi-square with one degree of freedom). The next drift
-- weighs every cell by its information and leaves out those four deviations away.
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
            avg(least(c.y * c.y / c.v, 9)) FILTER (WHERE 2 * c.place <= c.cells))) END::float8 AS phi
        FROM cell c
    ), spread AS MATERIALIZED (
        SELECT p.phi, CASE WHEN max(o.cells) < 10 THEN 0 ELSE greatest(0.0,
            min(o.tau2) FILTER (WHERE o.reached >= o.whole * CASE WHEN o.cells < 100 THEN 0.1 ELSE 0.5 END)) END::float8 AS tau2
        FROM poisson p
        LEFT JOIN LATERAL (
            SELECT t.tau2, t.cells, sum(t.signal) OVER (ORDER BY t.tau2) AS reached, sum(t.signal) OVER () AS whole
            FROM (
                SELECT (c.y * c.y / 0.455 - p.phi * c.v) / (c.m * c.m) AS tau2, c.signal, c.cells
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

-- Drift and noise after three steps, which is where they stand still. Each step is materialized: inlined, a drift would be
-- computed again for every cell.
CREATE FUNCTION genai.drift_of(p_cells genai.change_cell[])
RETURNS TABLE (drift double precision, phi double precision, tau2 double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH start AS MATERIALIZED (
        SELECT genai.median_drift(p_cells) AS drift
    ), first AS MATERIALIZED (
        SELECT CASE WHEN n.next_drift > 0 THEN n.next_drift ELSE s.drift END AS drift
        FROM start s CROSS JOIN LATERAL genai.noise_around(p_cells, s.drift) n
    ), second AS MATERIALIZED (
        SELECT CASE WHEN n.next_drift > 0 THEN n.next_drift ELSE f.drift END AS drift
        FROM first f CROSS JOIN LATERAL genai.noise_around(p_cells, f.drift) n
    )
    SELECT s.drift, n.phi, n.tau2
    FROM second s CROSS JOIN LATERAL genai.noise_around(p_cells, s.drift) n
$$;

-- The combination that explains most: by how much the cells fit better if all of it moved by one ratio of its own (gain,
-- a log-likelihood), less the choice among all combinations of the same dimensions (Occam). It has to matter: `p_first`
-- of the spend for a first driver, `p_matter` and 8 % of the largest for others. And it must not be one cell alone:
-- without its strongest cell it keeps a part of the gain. No row: nothing stands out.
CREATE FUNCTION genai.best_combination(
    p_cells genai.change_cell[], p_masks bigint[], p_largest double precision, p_gain double precision DEFAULT 7,
    p_first double precision DEFAULT 0.03, p_matter double precision DEFAULT 0.02
) RETURNS TABLE (
    mask bigint, key bigint, gain double precision, score double precision, excess double precision,
    drift double precision, phi double precision, tau2 double precision
) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH noise AS MATERIALIZED (SELECT d.* FROM genai.drift_of(p_cells) d),
    cell AS MATERIALIZED (
        SELECT x.key, x.y, x.now, n.drift * x.before AS expected, x.m * x.y / nullif(w.v, 0) AS pull,
            x.m * x.m / nullif(w.v, 0) AS signal
        FROM noise n
        CROSS JOIN LATERAL genai.excess_of(p_cells, n.drift) x
        CROSS JOIN LATERAL (SELECT n.phi * x.v + n.tau2 * x.m * x.m AS v) w
    ), whole AS MATERIALIZED (
        SELECT count(c.pull) AS cells, greatest(sum(c.now), sum(c.expected)) AS spent FROM cell c
    ), combination AS (
        SELECT g.*, g.pull * g.pull / (2 * nullif(g.signal, 0)) AS gain, count(*) FILTER (WHERE g.cells > 0) OVER (PARTITION BY g.mask) AS choices
        FROM (
            SELECT k.mask, c.key & k.mask AS key, count(c.pull) AS cells, count(*) AS covered, sum(c.pull) AS pull, sum(c.signal) AS signal,
                sum(c.y) AS excess
            FROM cell c CROSS JOIN unnest(p_masks) k (mask)
            GROUP BY k.mask, c.key & k.mask
        ) g
    ), candidate AS (
        -- The same cells by another name are the same finding: it scores as the best of its names.
        SELECT b.*, max(b.gain - ln(greatest(b.choices, 1))) OVER (PARTITION BY round(b.gain::numeric, 6), b.cells) AS best, b.gain - ln(greatest(b.choices, 1)) AS score, bit_count(b.mask::bit(64)) / 10 AS dimensions
        FROM combination b CROSS JOIN whole w
        WHERE b.gain >= p_gain AND b.gain - ln(greatest(b.choices, 1)) > 3 AND b.cells < w.cells
            AND abs(b.excess) >= greatest(w.spent * CASE WHEN p_largest > 0 THEN p_matter ELSE p_first END,
                0.08 * p_largest)
            AND genai.is_nameable(b.key, b.mask)
        ORDER BY best DESC, b.covered, bit_count(b.mask::bit(64)), b.mask
        LIMIT 20
    )
    SELECT b.mask, b.key, b.gain, b.score, b.excess, n.drift, n.phi, n.tau2
    FROM candidate b
    CROSS JOIN noise n
    CROSS JOIN LATERAL (
        SELECT c.pull, c.signal FROM cell c WHERE c.key & b.mask = b.key
        ORDER BY c.pull * sign(b.excess) DESC NULLS LAST LIMIT 1
    ) strongest
    WHERE b.cells = 1 OR (b.pull - strongest.pull) * sign(b.excess) > 0
        AND power(b.pull - strongest.pull, 2) >= 0.5 * p_gain * (b.signal - strongest.signal)
    ORDER BY b.best DESC, b.covered, b.dimensions, b.mask
    LIMIT 1
$$;

-- Drivers one after the other: the best, then the best among the cells that it leaves.
CREATE FUNCTION genai.find_drivers(p_cells genai.change_cell[], p_masks bigint[], p_limit integer DEFAULT 6)
RETURNS TABLE (
    place integer, mask bigint, key bigint, gain double precision, excess double precision, drift double precision
) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH RECURSIVE round AS (
        SELECT 1 AS place, p_cells AS cells, b.mask, b.key, b.gain, b.excess, b.drift, abs(b.excess) AS largest
        FROM genai.best_combination(p_cells, p_masks, 0) b
        UNION ALL
        SELECT r.place + 1, rest.cells, b.mask, b.key, b.gain, b.excess, b.drift, greatest(r.largest, abs(b.excess))
        FROM round r
        CROSS JOIN LATERAL (
            SELECT ARRAY(SELECT c FROM unnest(r.cells) c WHERE c.key & r.mask <> r.key) AS cells OFFSET 0
        ) rest
        CROSS JOIN LATERAL genai.best_combination(rest.cells, p_masks, r.largest) b
        WHERE r.place < p_limit
    )
    SELECT r.place, r.mask, r.key, r.gain, r.excess, r.drift FROM round r
$$;
