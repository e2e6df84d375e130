-- The terms of a change (LEDGER §10): five steps there and back, each point a whole number of pico-dollars.

-- Half of the way there and back, from the start to one point of it: both points rounded half up to whole
-- pico-dollars, the halves settled by floors of the running sum. A sum of quotients that should end in exactly one
-- half may fall short of it by 1e-38; the bias of 1e-20 puts that right and moves nothing else.
CREATE FUNCTION genai.settled(p_there numeric, p_back numeric, p_change numeric)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Times 0.5, not divided by 2: a quotient of 17 digits and more has no decimals.
    SELECT floor(0.5 * (
        floor(p_there + 0.50000000000000000001) - floor(p_back + 0.50000000000000000001) + p_change))
$$;

-- `p_amount` for `p_to_count` instead of `p_from_count`; `p_otherwise` where there was nothing. Forty digits.
CREATE FUNCTION genai.scaled(p_amount numeric, p_from_count numeric, p_to_count numeric, p_otherwise numeric)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_from_count = 0 THEN p_otherwise WHEN p_amount = 0 THEN 0
        ELSE round(p_amount * p_to_count, 40) / p_from_count END
$$;

-- A segment's calls with one model in both windows: requests, calls, cost, and by class of tokens (input, cache read, cache
-- write, output, other) the tokens and their cost; of `other` a token is a call. Pico-USD.
CREATE TYPE genai.model_cell AS (
    segment text, n0 numeric, n1 numeric, c0 numeric, c1 numeric, k0 numeric, k1 numeric,
    tokens0 numeric[], tokens1 numeric[], costs0 numeric[], costs1 numeric[]
);

-- Where the walk stands, there and back: after mix, and after the tokens of each class, one more at a time.
CREATE FUNCTION genai.token_points(p_cells genai.model_cell[])
RETURNS TABLE (segment text, mix_there numeric, mix_back numeric, there numeric[], back numeric[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH class AS (
        -- From the baseline's cost of each class to what the window's calls, then the window's tokens, would have
        -- cost, and the same way back.
        SELECT
            c.segment, k.class,
            sum(genai.scaled(k.k0, c.c0, c.c1, k.k1)) AS mix_there,
            sum(genai.scaled(k.k1, c.c1, c.c0, k.k0)) AS mix_back,
            sum(genai.scaled(k.k0, k.t0, k.t1, k.k1)) AS tokens_there,
            sum(genai.scaled(k.k1, k.t1, k.t0, k.k0)) AS tokens_back
        FROM unnest(p_cells) c
        CROSS JOIN LATERAL unnest(c.tokens0, c.tokens1, c.costs0, c.costs1)
            WITH ORDINALITY k (t0, t1, k0, k1, class)
        WHERE k.k0 <> 0 OR k.k1 <> 0
        GROUP BY c.segment, k.class
    )
    SELECT k.segment, sum(k.mix_there), sum(k.mix_back), array_agg(k.there ORDER BY k.class), array_agg(k.back ORDER BY k.class)
    FROM (
        SELECT s.segment, s.class, coalesce(k.mix_there, 0) AS mix_there, coalesce(k.mix_back, 0) AS mix_back,
            sum(k.mix_there) OVER whole + coalesce(sum(k.tokens_there - k.mix_there) OVER so_far, 0) AS there,
            sum(k.mix_back) OVER whole + coalesce(sum(k.tokens_back - k.mix_back) OVER so_far, 0) AS back
        FROM (SELECT DISTINCT k.segment, n AS class FROM class k CROSS JOIN generate_series(1, 5) n) s
        LEFT JOIN class k ON k.segment = s.segment AND k.class = s.class
        WINDOW whole AS (PARTITION BY s.segment), so_far AS (PARTITION BY s.segment ORDER BY s.class)
    ) k
    GROUP BY k.segment
$$;

-- The terms of every segment: with calls in one window only it is one term, `new` or `gone`. `p_per_call`: a request is a
-- call, and there is no attempts term.
CREATE FUNCTION genai.terms_of(p_cells genai.model_cell[], p_per_call boolean)
RETURNS TABLE (
    segment text, volume numeric, attempts numeric, mix numeric, input_tokens numeric, cache_read_tokens numeric,
    cache_write_tokens numeric, output_tokens numeric, other_tokens numeric, price numeric, new numeric, gone numeric
) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH segment AS MATERIALIZED (
        SELECT
            c.segment, sum(c.c0) AS c0, sum(c.c1) AS c1, sum(c.k0) AS k0, sum(c.k1) AS k1,
            CASE WHEN p_per_call THEN 0 ELSE sum(c.n0) END AS n0, CASE WHEN p_per_call THEN 0 ELSE sum(c.n1) END AS n1
        FROM unnest(p_cells) c
        GROUP BY c.segment
    ), point AS (
        SELECT
            s.*, s.k1 - s.k0 AS change,
            genai.scaled(s.k0, s.c0, s.c1, 0) AS attempts_there, genai.scaled(s.k1, s.c1, s.c0, 0) AS attempts_back,
            coalesce(m.mix_there, 0) AS mix_there, coalesce(m.mix_back, 0) AS mix_back,
            coalesce(m.there, '{0,0,0,0,0}') AS there, coalesce(m.back, '{0,0,0,0,0}') AS back
        FROM segment s
        LEFT JOIN genai.token_points(p_cells) m ON m.segment = s.segment
        WHERE s.c0 > 0 AND s.c1 > 0
    ), way AS (
        SELECT
            p.segment, p.change,
            genai.settled(
                CASE WHEN p.n0 = 0 OR p.n1 = 0 THEN p.attempts_there ELSE genai.scaled(p.k0, p.n0, p.n1, 0) END,
                CASE WHEN p.n0 = 0 OR p.n1 = 0 THEN p.attempts_back ELSE genai.scaled(p.k1, p.n1, p.n0, 0) END,
                p.change) AS volume,
            genai.settled(p.attempts_there, p.attempts_back, p.change) AS attempts,
            genai.settled(p.mix_there, p.mix_back, p.change) AS mix,
            genai.settled(p.there[1], p.back[1], p.change) AS tokens_1,
            genai.settled(p.there[2], p.back[2], p.change) AS tokens_2,
            genai.settled(p.there[3], p.back[3], p.change) AS tokens_3,
            genai.settled(p.there[4], p.back[4], p.change) AS tokens_4,
            genai.settled(p.there[5], p.back[5], p.change) AS tokens_5
        FROM point p
    )
    SELECT
        w.segment, w.volume, w.attempts - w.volume, w.mix - w.attempts, w.tokens_1 - w.mix, w.tokens_2 - w.tokens_1,
        w.tokens_3 - w.tokens_2, w.tokens_4 - w.tokens_3, w.tokens_5 - w.tokens_4, w.change - w.tokens_5, 0, 0
    FROM way w
    UNION ALL
    SELECT s.segment, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        CASE WHEN s.c0 = 0 THEN s.k1 ELSE 0 END, CASE WHEN s.c1 = 0 THEN -s.k0 ELSE 0 END
    FROM segment s
    WHERE s.c0 = 0 OR s.c1 = 0
$$;
