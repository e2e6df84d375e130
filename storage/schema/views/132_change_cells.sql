-- ranges: storage/schema/measures.py
-- The cells of a change: what stands together in every dimension, in a window and its baseline (LEDGER §25).

-- What is nobody's value is never named as a cause.
CREATE FUNCTION genai.is_named(p_value text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_value NOT IN ('unknown', '__other__', '__erased__')
$$;

-- Calls of both windows that are read one by one; where there are more, or where they are gone, rollups answer.
CREATE FUNCTION genai.most_calls_read() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 1000000::bigint';

-- Cells that are searched: tenants by spend, as long as there is room; the others stand together.
CREATE FUNCTION genai.most_cells() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 5000::bigint';

-- Where the cells come from: `calls` (every dimension, and how much the cost of a call scatters), else the rollup that
-- `window_source` names: by service, endpoint, prompt version and model, or with a filter on user or tenant by tenant,
-- user, endpoint and model.
CREATE FUNCTION genai.change_source(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_endpoint text, p_prompt_version text, p_user text,
    p_tenant text, p_service text
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN b.from_time >= f.time AND p_from >= f.time AND (
            SELECT coalesce(sum(m.calls), 0) FROM genai.measured_hour m
            WHERE m.bucket >= date_bin('1 hour', p_from, 'epoch') AND m.bucket < p_to
                OR m.bucket >= date_bin('1 hour', b.from_time, 'epoch') AND m.bucket < b.to_time
        ) <= genai.most_calls_read() THEN 'calls'
        ELSE genai.window_source('endpoint', p_endpoint, p_prompt_version, p_user, p_tenant, p_service) END
    FROM genai.floor f
    CROSS JOIN (
        SELECT genai.baseline_from(p_from, p_to, p_baseline) AS from_time,
            genai.baseline_to(p_from, p_to, p_baseline) AS to_time
    ) b
    WHERE f.level = 'raw'
$$;

-- What the search reads of a call, before any value is folded into `__other__`: grouped first, it joins a thousand times
-- fewer rows. Duplicates are in it and marked: whoever reads an hour of calls for one environment throws most rows away by
-- their series, which is at the front of a row, before it looks for a mark at its end (measured: half of the time).
CREATE VIEW genai.call_cost AS
SELECT m.time, m.series_id, m.identity_id, m.folded, m.requests, m.status, m.price_status, m.cost_pico_usd,
    m.input_tokens, m.cache_read_tokens, m.cache_write_tokens, m.output_tokens,
    {input_cost_pico_usd..other_cost_pico_usd: m.#}, m.merged_into
FROM _genai.model_call m;

CREATE VIEW genai.fold AS SELECT f.id, f.folded, f.booked_id FROM _genai.fold f;

-- The series whose calls may be booked under one that is asked for: these, and those folded into one of them.
CREATE FUNCTION genai.series_behind(
    p_env text, p_data_mode text, p_endpoint text, p_prompt_version text, p_model text, p_provider text, p_service text
) RETURNS TABLE (id bigint) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.id
    FROM genai.series_of(p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s
    UNION ALL
    SELECT f.id
    FROM genai.fold f
    JOIN genai.series_of(p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s
        ON s.id = f.booked_id
$$;

-- The calls of both windows by series and identity, `side` 1 the window. A call's cost squared says how much calls scatter.
CREATE FUNCTION genai.calls_of_change(
    p_from timestamptz, p_to timestamptz, p_before timestamptz, p_before_to timestamptz, p_env text, p_data_mode text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS TABLE (
    side integer, series_id bigint, identity_id bigint, requests bigint, calls bigint, cost numeric,
    cost_square double precision, successes bigint, errors bigint, unpriced_calls bigint, input_tokens bigint,
    cache_read_tokens bigint, cache_write_tokens bigint, output_tokens bigint,
    {input_cost_pico_usd..other_cost_pico_usd: # numeric}
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH wanted AS MATERIALIZED (
        SELECT s.id FROM genai.series_of(
            p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s
    ), call AS (
        SELECT c.* FROM (
            SELECT 1 AS side, c.* FROM genai.call_cost c
            WHERE c.time >= p_from AND c.time < p_to AND c.series_id IN (SELECT b.id FROM genai.series_behind(
                    p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) b)
            OFFSET 0
        ) c
        UNION ALL
        SELECT c.* FROM (
            SELECT 0 AS side, c.* FROM genai.call_cost c
            WHERE c.time >= p_before AND c.time < p_before_to AND c.series_id IN (SELECT b.id FROM genai.series_behind(
                    p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) b)
            OFFSET 0
        ) c
    ), summed AS MATERIALIZED (
        SELECT c.side, c.series_id, c.identity_id, c.folded, sum(c.requests) AS requests, count(*) AS calls,
            coalesce(sum(c.cost_pico_usd), 0) AS cost,
            coalesce(sum(power(c.cost_pico_usd::float8, 2)), 0) AS cost_square,
            count(*) FILTER (WHERE c.status = 1) AS successes, count(*) FILTER (WHERE c.status = 2) AS errors,
            count(*) FILTER (WHERE c.price_status = 4) AS unpriced_calls,
            coalesce(sum(c.input_tokens), 0) AS input_tokens, coalesce(sum(c.cache_read_tokens), 0) AS cache_read_tokens,
            coalesce(sum(c.cache_write_tokens), 0) AS cache_write_tokens,
            coalesce(sum(c.output_tokens), 0) AS output_tokens,
            {input_cost_pico_usd..other_cost_pico_usd: coalesce(sum(c.#), 0) AS #}
        FROM call c
        WHERE c.merged_into IS NULL
        GROUP BY c.side, c.series_id, c.identity_id, c.folded
    )
    SELECT s.side, coalesce(fs.booked_id, s.series_id), coalesce(fi.booked_id, s.identity_id), s.requests, s.calls,
        s.cost, s.cost_square, s.successes, s.errors, s.unpriced_calls, s.input_tokens, s.cache_read_tokens,
        s.cache_write_tokens, s.output_tokens, {input_cost_pico_usd..other_cost_pico_usd: s.#}
    FROM summed s
    LEFT JOIN genai.fold fs ON s.folded <> 0 AND fs.id = s.series_id AND fs.folded = s.folded & 127::smallint
    LEFT JOIN genai.fold fi ON s.folded <> 0 AND fi.id = s.identity_id AND fi.folded = s.folded & 384::smallint
    WHERE coalesce(fs.booked_id, s.series_id) IN (SELECT w.id FROM wanted w)
        AND CASE WHEN coalesce(p_user, '*') <> '*' OR coalesce(p_tenant, '*') <> '*'
            THEN coalesce(fi.booked_id, s.identity_id) IN (SELECT i.id FROM genai.identity_of(p_user, p_tenant) i)
            ELSE true END
$$;

-- Both windows side by side, a row per cell. `user_id` is NULL but for the few users who stand out: of the 50 most
-- expensive those whose spend or cost per request moved apart from all others', at most five. Arrays hold the five classes
-- of cost (input, cache read, cache write, output, other) and the tokens beside them; for `other` these are calls.
CREATE FUNCTION genai.cells_of_change(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS TABLE (
    source text, service_name text, endpoint_tag text, prompt_version text, provider text, model text, tenant_id text,
    user_id text, n0 numeric, n1 numeric, c0 numeric, c1 numeric, k0 numeric, k1 numeric,
    q0 double precision, q1 double precision, successes0 numeric, successes1 numeric, errors0 numeric, errors1 numeric,
    unpriced0 numeric, unpriced1 numeric, tokens0 numeric[], tokens1 numeric[], costs0 numeric[], costs1 numeric[]
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH source AS MATERIALIZED (
        SELECT genai.change_source(
            p_from, p_to, p_baseline, p_endpoint, p_prompt_version, p_user, p_tenant, p_service) AS name
    ), usage AS MATERIALIZED (
        SELECT c.side, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model, i.tenant_id, i.user_id,
            c.requests, c.calls, c.cost, c.cost_square, c.successes, c.errors, c.unpriced_calls,
            c.input_tokens, c.cache_read_tokens, c.cache_write_tokens, c.output_tokens,
            {input_cost_pico_usd..other_cost_pico_usd: c.#}
        FROM genai.calls_of_change(
            p_from, p_to, genai.baseline_from(p_from, p_to, p_baseline), genai.baseline_to(p_from, p_to, p_baseline),
            p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_provider, p_service) c
        LEFT JOIN genai.series s ON s.id = c.series_id
        LEFT JOIN genai.identity i ON i.id = c.identity_id
        WHERE (SELECT s.name FROM source s) = 'calls'
        UNION ALL
        SELECT r.side, r.service_name, r.endpoint_tag, r.prompt_version, r.provider, r.model, r.tenant_id, r.user_id,
            r.requests, r.calls, r.cost_pico_usd, 0, r.successes, r.errors, r.unpriced_calls, r.input_tokens,
            r.cache_read_tokens, r.cache_write_tokens, r.output_tokens,
            {input_cost_pico_usd..other_cost_pico_usd: r.#}
        FROM genai.usage_of_both(
            p_from, p_to, p_baseline, p_env, p_data_mode, 'endpoint', p_endpoint, p_prompt_version, p_user, p_tenant,
            p_model, p_provider, p_service) r
        WHERE (SELECT s.name FROM source s) <> 'calls'
    ), kept AS MATERIALIZED (
        SELECT t.tenant_id
        FROM (
            SELECT c.tenant_id, sum(count(*)) OVER (ORDER BY sum(c.cost) DESC, c.tenant_id) AS cells
            FROM (
                SELECT u.service_name, u.endpoint_tag, u.prompt_version, u.provider, u.model, u.tenant_id, sum(u.cost) AS cost
                FROM usage u
                GROUP BY u.service_name, u.endpoint_tag, u.prompt_version, u.provider, u.model, u.tenant_id
            ) c
            GROUP BY c.tenant_id
        ) t
        WHERE t.cells <= genai.most_cells()
    ), person AS MATERIALIZED (
        SELECT x.*, sum(x.k0) OVER () AS all_k0, sum(x.k1) OVER () AS all_k1, sum(x.n0) OVER () AS all_n0,
            sum(x.n1) OVER () AS all_n1, row_number() OVER (ORDER BY x.k0 + x.k1 DESC, x.user_id) AS place
        FROM (
            SELECT u.user_id, sum(u.cost * (1 - u.side))::float8 AS k0, sum(u.cost * u.side)::float8 AS k1,
                sum(u.requests * (1 - u.side))::float8 AS n0, sum(u.requests * u.side)::float8 AS n1
            FROM usage u
            GROUP BY u.user_id
        ) x
    ), apart AS MATERIALIZED (
        SELECT p.user_id
        FROM person p
        CROSS JOIN LATERAL (
            SELECT (p.all_k1 - p.k1) / nullif(p.all_k0 - p.k0, 0) AS spend, (p.all_k1 - p.k1) / nullif(p.all_n1 - p.n1, 0)
                / nullif((p.all_k0 - p.k0) / nullif(p.all_n0 - p.n0, 0), 0) AS unit,
                coalesce(p.k0 / nullif(p.n0, 0), (p.all_k0 - p.k0) / nullif(p.all_n0 - p.n0, 0)) AS cost
        ) r
        WHERE p.place <= 50 AND genai.is_named(p.user_id) AND (
            abs(p.k1 - r.spend * p.k0) >= 0.03 * greatest(p.all_k0, p.all_k1)
            OR abs(p.k1 - r.unit * r.cost * p.n1) >= 0.03 * greatest(p.all_k0, p.all_k1))
        ORDER BY abs(p.k1 - r.spend * p.k0) DESC, p.user_id
        LIMIT 5
    )
    SELECT (SELECT s.name FROM source s), x.*
    FROM (
        SELECT u.service_name, u.endpoint_tag, u.prompt_version, u.provider, u.model,
            coalesce(k.tenant_id, '__other__') AS tenant_id, a.user_id,
            sum(u.requests * (1 - u.side)) AS n0, sum(u.requests * u.side) AS n1,
            sum(u.calls * (1 - u.side)) AS c0, sum(u.calls * u.side) AS c1,
            sum(u.cost * (1 - u.side)) AS k0, sum(u.cost * u.side) AS k1,
            sum(u.cost_square * (1 - u.side)) AS q0, sum(u.cost_square * u.side) AS q1,
            sum(u.successes * (1 - u.side)) AS successes0, sum(u.successes * u.side) AS successes1,
            sum(u.errors * (1 - u.side)) AS errors0, sum(u.errors * u.side) AS errors1,
            sum(u.unpriced_calls * (1 - u.side)) AS unpriced0, sum(u.unpriced_calls * u.side) AS unpriced1,
            ARRAY[sum(u.fresh_tokens * (1 - u.side)), sum(u.cache_read_tokens * (1 - u.side)),
                sum(u.cache_write_tokens * (1 - u.side)), sum(u.output_tokens * (1 - u.side)),
                sum(u.calls * (1 - u.side))] AS tokens0,
            ARRAY[sum(u.fresh_tokens * u.side), sum(u.cache_read_tokens * u.side), sum(u.cache_write_tokens * u.side),
                sum(u.output_tokens * u.side), sum(u.calls * u.side)] AS tokens1,
            ARRAY[{input_cost_pico_usd..other_cost_pico_usd: sum(u.# * (1 - u.side))}] AS costs0,
            ARRAY[{input_cost_pico_usd..other_cost_pico_usd: sum(u.# * u.side)}] AS costs1
        FROM (
            SELECT u.*, greatest(u.input_tokens - u.cache_read_tokens - u.cache_write_tokens, 0) AS fresh_tokens
            FROM usage u
        ) u
        LEFT JOIN apart a ON a.user_id = u.user_id
        LEFT JOIN kept k ON k.tenant_id = u.tenant_id
        GROUP BY u.service_name, u.endpoint_tag, u.prompt_version, u.provider, u.model, k.tenant_id, a.user_id
    ) x
$$;
