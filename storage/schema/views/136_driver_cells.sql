-- Whose a change is (LEDGER §25): what each driver that was found covers, and the terms inside.

-- A cell of a driver, or of none (no place). `own`: it carries the driver's dollars, for a cell belongs to the first that
-- covers it; the others are told with it. `replaced`: a new version or model took its place: a driver's past, when it has
-- none of its own.
CREATE TYPE genai.driver_cell AS (
    place integer, mask bigint, gain double precision, drift double precision, own boolean, replaced boolean,
    before double precision, now double precision, variance double precision, usage genai.usage_cell
);

CREATE FUNCTION genai.driver_cells(
    p_cells genai.usage_cell[], p_judged genai.judged_cell[], p_searched genai.change_cell[], p_found genai.found_driver[]
) RETURNS SETOF genai.driver_cell
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    WITH cell AS MATERIALIZED (
        SELECT s.key, s.before, s.now, s.alpha + s.beta + s.gamma * power((s.before + s.now) / 2, 2) AS variance,
            p_judged[s.place].is_new, p_judged[s.place].is_gone, p_cells[s.id] AS usage
        FROM unnest(p_searched) WITH ORDINALITY s (id, key, before, now, weight, alpha, beta, gamma, place)
    ), past AS MATERIALIZED (
        -- The places of a driver that is new; what was replaced there stands for its past: of the same tenant or user, if it
        -- has one.
        SELECT f.place, (c.usage).service_name, (c.usage).endpoint_tag, f.mask & ~r.bits AS mask, f.key & ~r.bits AS key
        FROM unnest(p_found) f JOIN cell c ON c.key & f.mask = f.key
        CROSS JOIN (SELECT (1023::bigint << 10) | (1023::bigint << 20) AS bits) r
        WHERE f.mask & r.bits <> 0
        GROUP BY f.place, (c.usage).service_name, (c.usage).endpoint_tag, f.mask, f.key, r.bits
        HAVING bool_and(c.is_new)
    )
    SELECT f.place, f.mask, f.gain, coalesce(f.drift, p_found[1].drift),
        row_number() OVER (PARTITION BY c.key ORDER BY f.place) = 1, false, c.before, c.now, c.variance, c.usage
    FROM cell c LEFT JOIN unnest(p_found) f ON c.key & f.mask = f.key
    UNION ALL
    SELECT p.place, NULL, NULL, NULL, false, true, c.before, c.now, c.variance, c.usage
    FROM past p
    JOIN cell c ON (c.usage).service_name = p.service_name AND (c.usage).endpoint_tag = p.endpoint_tag AND c.is_gone
        AND c.key & p.mask = p.key;
END
$$;

-- The cells of usage by segment, provider and model, as the terms of a change take them: in whole numbers, also where sums
-- were divided among tenants.
CREATE FUNCTION genai.model_cells(p_segments text[], p_cells genai.usage_cell[])
RETURNS genai.model_cell[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(m.cell)
    FROM (
        SELECT ROW(p_segments[c.ordinality], round(sum(c.n0)), round(sum(c.n1)), round(sum(c.c0)), round(sum(c.c1)), round(sum(c.k0)), round(sum(c.k1)),
            ARRAY[greatest(round(sum(c.tokens0[1])), 0), round(sum(c.tokens0[2])), round(sum(c.tokens0[3])), round(sum(c.tokens0[4])), round(sum(c.tokens0[5]))],
            ARRAY[greatest(round(sum(c.tokens1[1])), 0), round(sum(c.tokens1[2])), round(sum(c.tokens1[3])), round(sum(c.tokens1[4])), round(sum(c.tokens1[5]))],
            ARRAY[round(sum(c.costs0[1])), round(sum(c.costs0[2])), round(sum(c.costs0[3])), round(sum(c.costs0[4])), round(sum(c.costs0[5]))],
            ARRAY[round(sum(c.costs1[1])), round(sum(c.costs1[2])), round(sum(c.costs1[3])), round(sum(c.costs1[4])), round(sum(c.costs1[5]))]
            )::genai.model_cell AS cell
        FROM unnest(p_cells) WITH ORDINALITY c
        GROUP BY p_segments[c.ordinality], c.provider, c.model
        HAVING sum(c.c0 + c.c1) > sum(c.unpriced0 + c.unpriced1)
    ) m
$$;

-- Pico-USD as USD. Sums that were divided among tenants come back to whole pico-dollars.
CREATE FUNCTION genai.usd_of(p_pico_usd numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(p_pico_usd) * 1e-12
$$;

-- The terms inside each driver, from the same cells.
CREATE FUNCTION genai.driver_terms(p_cells genai.model_cell[])
RETURNS TABLE (
    place integer, volume_usd numeric, attempts_usd numeric, mix_usd numeric, tokens_usd numeric, price_usd numeric,
    new_usd numeric, gone_usd numeric, input_tokens_usd numeric, output_tokens_usd numeric, cached_tokens_usd numeric,
    top_term text
) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT t.segment::integer, t.volume * 1e-12, t.attempts * 1e-12, t.mix * 1e-12, s.tokens * 1e-12, t.price * 1e-12,
        t.new * 1e-12, t.gone * 1e-12, t.input_tokens * 1e-12, t.output_tokens * 1e-12,
        (t.cache_read_tokens + t.cache_write_tokens) * 1e-12,
        (
            SELECT v.term FROM (VALUES ('volume', t.volume), ('attempts', t.attempts), ('mix', t.mix), ('tokens', s.tokens),
                ('price', t.price), ('new', t.new), ('gone', t.gone)) v (term, amount)
            WHERE v.amount <> 0
            ORDER BY v.amount * sign(s.whole) DESC, v.term LIMIT 1
        )
    FROM genai.terms_of(p_cells, false) t
    CROSS JOIN LATERAL (
        SELECT t.input_tokens + t.cache_read_tokens + t.cache_write_tokens + t.output_tokens + t.other_tokens AS tokens,
            t.volume + t.attempts + t.mix + t.input_tokens + t.cache_read_tokens + t.cache_write_tokens + t.output_tokens
            + t.other_tokens + t.price + t.new + t.gone AS whole
    ) s
$$;
