-- Which combinations of dimensions explain a change (LEDGER §25, docs/internals/drivers.md).

-- Whether every dimension of a combination has a value with a name.
CREATE FUNCTION genai.is_nameable(p_key bigint, p_mask bigint)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT bool_and(p_mask & (1023::bigint << 10 * d) = 0 OR p_key & (1023::bigint << 10 * d) <> 0)
    FROM generate_series(0, 5) d
$$;

-- The groups of dimensions that a combination may name: up to three of those with more than one value, a user alone or
-- with an endpoint. Unless single calls said how they go together (`p_joint`), no tenant with a version or service.
CREATE FUNCTION genai.combination_masks(p_keys bigint[], p_joint boolean)
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
    WHERE (m.mask < 1023::bigint << 50 OR m.mask & ~(1023::bigint << 50) IN (0, 1023))
        AND (p_joint OR m.mask & (1023::bigint << 30) = 0 OR m.mask & ((1023::bigint << 10) | (1023::bigint << 40)) = 0)
$$;

-- The combination that explains most: by how much the cells fit better if all of it moved by one ratio of its own (gain,
-- a log-likelihood), less the choice among all combinations of the same dimensions (Occam). It has to matter: `p_first`
-- of the spend for a first driver, `p_matter` and 8% of the largest for others. And it must not be one cell alone:
-- without its strongest cell it keeps a part of the gain. No row: nothing stands out.
CREATE FUNCTION genai.best_combination(
    p_cells genai.change_cell[], p_masks bigint[], p_largest double precision, p_drift double precision,
    p_phi double precision, p_tau2 double precision, p_gain double precision DEFAULT 7,
    p_first double precision DEFAULT 0.03, p_matter double precision DEFAULT 0.02
) RETURNS TABLE (mask bigint, key bigint, gain double precision, excess double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH cell AS MATERIALIZED (
        SELECT x.key, x.y, x.now, p_drift * x.before AS expected, x.m * x.y / nullif(w.v, 0) AS pull,
            x.m * x.m / nullif(w.v, 0) AS signal
        FROM genai.excess_of(p_cells, p_drift) x
        CROSS JOIN LATERAL (SELECT p_phi * x.v + p_tau2 * x.m * x.m AS v) w
    ), whole AS MATERIALIZED (
        SELECT count(c.pull) AS cells, greatest(sum(c.now), sum(c.expected)) AS spent FROM cell c
    ), combination AS (
        SELECT g.*, g.pull * g.pull / (2 * nullif(g.signal, 0)) AS gain,
            count(*) FILTER (WHERE g.cells > 0) OVER (PARTITION BY g.mask) AS choices
        FROM (
            SELECT k.mask, c.key & k.mask AS key, count(c.pull) AS cells, count(*) AS covered, sum(c.pull) AS pull,
                sum(c.signal) AS signal, sum(c.y) AS excess
            FROM cell c CROSS JOIN unnest(p_masks) k (mask)
            GROUP BY k.mask, c.key & k.mask
        ) g
    ), candidate AS (
        -- The same cells by another name are the same finding: it scores as the best of its names.
        SELECT b.*, bit_count(b.mask::bit(64)) AS bits, max(s.score) OVER (PARTITION BY round(b.gain::numeric, 6), b.cells) AS best
        FROM combination b
        CROSS JOIN whole w
        CROSS JOIN LATERAL (SELECT b.gain - ln(greatest(b.choices, 1)) AS score) s
        WHERE b.gain >= p_gain AND s.score > 3 AND b.cells < w.cells
            AND abs(b.excess) >= greatest(w.spent * CASE WHEN p_largest > 0 OR b.gain >= 4 * p_gain THEN p_matter ELSE p_first END,
                0.08 * p_largest)
            AND genai.is_nameable(b.key, b.mask)
        ORDER BY best DESC, b.covered, bits, b.mask
        LIMIT 20
    )
    SELECT b.mask, b.key, b.gain, b.excess
    FROM candidate b
    CROSS JOIN LATERAL (
        SELECT c.pull, c.signal FROM cell c WHERE c.key & b.mask = b.key
        ORDER BY c.pull * sign(b.excess) DESC NULLS LAST LIMIT 1
    ) strongest
    WHERE b.cells = 1 OR (b.pull - strongest.pull) * sign(b.excess) > 0
        AND power(b.pull - strongest.pull, 2) >= 0.5 * p_gain * (b.signal - strongest.signal)
    ORDER BY b.best DESC, b.covered, b.bits, b.mask
    LIMIT 1
$$;

-- A driver as it was found: `drift` is that of its round.
CREATE TYPE genai.found_driver AS (
    place integer, mask bigint, key bigint, gain double precision, excess double precision, drift double precision
);

-- Drivers one after the other: the best, then the best among the cells that it leaves. A combination inside another one that
-- moved the same way is part of that, and is left out. Where nothing is found one row without a place tells the drift.
CREATE FUNCTION genai.find_drivers(p_cells genai.change_cell[], p_masks bigint[], p_limit integer DEFAULT 6)
RETURNS SETOF genai.found_driver LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_cells genai.change_cell[] := p_cells;
    v_found genai.found_driver[] := '{}';
    v_noise record;
    v_best record;
    v_largest double precision := 0;
BEGIN
    FOR v_place IN 1..p_limit LOOP
        SELECT d.* INTO v_noise FROM genai.drift_of(v_cells) d;
        SELECT b.* INTO v_best
        FROM genai.best_combination(v_cells, p_masks, v_largest, v_noise.drift, v_noise.phi, v_noise.tau2) b;
        EXIT WHEN NOT FOUND;
        v_found := v_found || ROW(v_place, v_best.mask, v_best.key, v_best.gain, v_best.excess, v_noise.drift)::genai.found_driver;
        v_largest := greatest(v_largest, abs(v_best.excess));
        v_cells := ARRAY(SELECT c FROM unnest(v_cells) c WHERE c.key & v_best.mask <> v_best.key);
    END LOOP;
    IF v_found = '{}' THEN
        v_found := ARRAY[ROW(NULL, NULL, NULL, NULL, NULL, v_noise.drift)::genai.found_driver];
    END IF;
    RETURN QUERY SELECT f.* FROM unnest(v_found) f
    WHERE NOT EXISTS (
        SELECT FROM unnest(v_found) w
        WHERE w.place <> f.place AND w.mask <> f.mask AND w.mask & f.mask = w.mask AND f.key & w.mask = w.key
            AND sign(w.excess) = sign(f.excess));
END
$$;
