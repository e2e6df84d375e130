-- Whose a change is (LEDGER §25): the combinations of dimensions that explain it, ranked, each with its dollars.

-- The drivers that were found, joined with their cells: `own` cells carry the driver's dollars (a cell belongs to the first
-- that covers it), the others are told with it. Cells of no driver have no place. A combination inside another one that
-- moved the same way is part of that. `replaced` cells were replaced by a new version or model: a driver's past, when it
-- has none of its own.
CREATE FUNCTION genai.driver_cells(
    p_from timestamptz, p_to timestamptz, p_env text, p_measure text, p_baseline text, p_data_mode text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS TABLE (
    place integer, mask bigint, gain double precision, round_drift double precision, own boolean, replaced boolean,
    source text, service_name text, endpoint_tag text, prompt_version text, provider text, model text, tenant_id text,
    user_id text, n0 numeric, n1 numeric, c0 numeric, c1 numeric, k0 numeric, k1 numeric, successes0 numeric,
    successes1 numeric, errors0 numeric, errors1 numeric, unpriced0 numeric, unpriced1 numeric, tokens0 numeric[],
    tokens1 numeric[], costs0 numeric[], costs1 numeric[], before double precision, now double precision,
    variance double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH cell AS MATERIALIZED (
        SELECT c.* FROM genai.change_cells(
            p_from, p_to, p_baseline, p_env, p_data_mode, p_measure, p_endpoint, p_prompt_version, p_user, p_tenant,
            p_model, p_provider, p_service) c
    ), given AS MATERIALIZED (
        SELECT array_agg(c.cell) AS cells, genai.combination_masks(array_agg((c.cell).key)) AS masks FROM cell c
    ), found AS MATERIALIZED (
        SELECT f.* FROM given g CROSS JOIN LATERAL genai.find_drivers(g.cells, g.masks) f
    ), driver AS MATERIALIZED (
        SELECT f.* FROM found f
        WHERE NOT EXISTS (
            SELECT FROM found w
            WHERE w.place <> f.place AND w.mask <> f.mask AND w.mask & f.mask = w.mask AND f.key & w.mask = w.key
                AND sign(w.excess) = sign(f.excess))
    ), alike AS MATERIALIZED (
        SELECT d.drift FROM given g CROSS JOIN LATERAL genai.drift_of(g.cells) d WHERE NOT EXISTS (SELECT FROM found)
    ), past AS MATERIALIZED (
        -- The places of a driver that is new; what was replaced there stands for its past.
        SELECT DISTINCT d.place, c.service_name, c.endpoint_tag
        FROM driver d JOIN cell c ON (c.cell).key & d.mask = d.key
        WHERE d.mask & 1073740800 <> 0
        GROUP BY d.place, c.service_name, c.endpoint_tag
        HAVING bool_and(c.is_new)
    ), member AS (
        SELECT d.place, d.mask, d.gain, coalesce(d.drift, (SELECT a.drift FROM alike a)) AS drift, row_number() OVER (PARTITION BY (c.cell).key ORDER BY d.place) = 1 AS own,
            false AS replaced, c
        FROM cell c LEFT JOIN driver d ON (c.cell).key & d.mask = d.key
        UNION ALL
        SELECT p.place, NULL, NULL, NULL, false, true, c
        FROM past p JOIN cell c ON c.service_name = p.service_name AND c.endpoint_tag = p.endpoint_tag AND c.is_gone
    )
    SELECT m.place, m.mask, m.gain, m.drift, m.own, m.replaced, (m.c).source, (m.c).service_name, (m.c).endpoint_tag,
        (m.c).prompt_version, (m.c).provider, (m.c).model, (m.c).tenant_id, (m.c).user_id, (m.c).n0, (m.c).n1, (m.c).c0,
        (m.c).c1, (m.c).k0, (m.c).k1, (m.c).successes0, (m.c).successes1, (m.c).errors0, (m.c).errors1,
        (m.c).unpriced0, (m.c).unpriced1, (m.c).tokens0, (m.c).tokens1, (m.c).costs0, (m.c).costs1,
        ((m.c).cell).before, ((m.c).cell).now,
        ((m.c).cell).alpha + ((m.c).cell).beta + ((m.c).cell).gamma * power((((m.c).cell).before + ((m.c).cell).now) / 2, 2)
    FROM member m
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
