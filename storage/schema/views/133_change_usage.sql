-- ranges: storage/schema/measures.py
-- What the drivers of a change are looked for in: the usage of a window and its baseline by every dimension (LEDGER §25).

-- What is nobody's value is never named as a cause.
CREATE FUNCTION genai.is_named(p_value text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_value NOT IN ('unknown', '__other__', '__erased__')
$$;

-- Calls of both windows that are read one by one; where there are more, or where they are gone, rollups answer.
CREATE FUNCTION genai.most_calls_read() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 200000::bigint';

-- Where usage comes from: `calls` (every dimension, and how much the cost of a call scatters), else the rollups that
-- `window_source` names. Calls are counted by hours, in long windows by whole days: it only has to tell few from many.
CREATE FUNCTION genai.change_source(
    p_from timestamptz, p_to timestamptz, p_before timestamptz, p_before_to timestamptz, p_env text, p_data_mode text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH wanted AS MATERIALIZED (
        SELECT s.id FROM genai.series_of(p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s
    ), counted AS (
        SELECT m.calls, m.series_id FROM genai.measured_hour m
        WHERE (m.bucket >= date_bin('1 hour', p_from, 'epoch') AND m.bucket < p_to
                OR m.bucket >= date_bin('1 hour', p_before, 'epoch') AND m.bucket < p_before_to)
            AND p_to - p_from <= interval '3 days'
        UNION ALL
        SELECT m.calls, m.series_id FROM genai.measured_day m
        WHERE (m.bucket >= date_bin('1 day', p_from, 'epoch') AND m.bucket < p_to
                OR m.bucket >= date_bin('1 day', p_before, 'epoch') AND m.bucket < p_before_to)
            AND p_to - p_from > interval '3 days'
    )
    SELECT CASE WHEN least(p_from, p_before) >= (SELECT f.time FROM genai.floor f WHERE f.level = 'raw')
        AND (SELECT coalesce(sum(c.calls), 0) FROM counted c WHERE c.series_id IN (SELECT w.id FROM wanted w))
            <= genai.most_calls_read()
        THEN 'calls'
        ELSE genai.window_source('endpoint', p_endpoint, p_prompt_version, p_user, p_tenant, p_service) END
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

-- Usage by every dimension from single calls, `side` 1 the window. A call's cost squared says how much calls scatter.
-- `found` are the series whose calls may be booked under one that is asked for: these, and those folded into one of them.
CREATE FUNCTION genai.usage_of_calls(
    p_from timestamptz, p_to timestamptz, p_before timestamptz, p_before_to timestamptz, p_env text, p_data_mode text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS TABLE (
    side integer, service_name text, endpoint_tag text, prompt_version text, provider text, model text, tenant_id text,
    user_id text, requests bigint, calls bigint, cost numeric, cost_square double precision, successes bigint,
    errors bigint, unpriced_calls bigint, fresh_tokens bigint, cache_read_tokens bigint, cache_write_tokens bigint,
    output_tokens bigint, {input_cost_pico_usd..other_cost_pico_usd: # numeric}
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH wanted AS MATERIALIZED (
        SELECT s.* FROM genai.series_of(
            p_env, p_data_mode, p_endpoint, p_prompt_version, p_model, p_provider, p_service) s
    ), found AS MATERIALIZED (
        SELECT w.id FROM wanted w
        UNION ALL
        SELECT f.id FROM genai.fold f WHERE f.booked_id IN (SELECT w.id FROM wanted w)
    ), call AS (
        SELECT c.* FROM (
            SELECT 1 AS side, c.* FROM genai.call_cost c
            WHERE c.time >= p_from AND c.time < p_to AND c.series_id IN (SELECT f.id FROM found f)
            OFFSET 0
        ) c
        UNION ALL
        SELECT c.* FROM (
            SELECT 0 AS side, c.* FROM genai.call_cost c
            WHERE c.time >= p_before AND c.time < p_before_to AND c.series_id IN (SELECT f.id FROM found f)
            OFFSET 0
        ) c
    ), summed AS MATERIALIZED (
        SELECT c.side, c.series_id, c.identity_id, c.folded, sum(c.requests) AS requests, count(*) AS calls,
            coalesce(sum(c.cost_pico_usd), 0) AS cost,
            coalesce(sum(power(c.cost_pico_usd::float8, 2)), 0) AS cost_square,
            count(*) FILTER (WHERE c.status = 1) AS successes, count(*) FILTER (WHERE c.status = 2) AS errors,
            count(*) FILTER (WHERE c.price_status = 4) AS unpriced_calls,
            genai.total(c.input_tokens) AS input_tokens, genai.total(c.cache_read_tokens) AS cache_read_tokens,
            genai.total(c.cache_write_tokens) AS cache_write_tokens, genai.total(c.output_tokens) AS output_tokens,
            {input_cost_pico_usd..other_cost_pico_usd: sum(c.#) AS #}
        FROM call c
        WHERE c.merged_into IS NULL
        GROUP BY c.side, c.series_id, c.identity_id, c.folded
    )
    SELECT s.side, w.service_name, w.endpoint_tag, w.prompt_version, w.provider, w.model, i.tenant_id, i.user_id, s.requests,
        s.calls, s.cost, s.cost_square, s.successes, s.errors, s.unpriced_calls,
        coalesce(s.input_tokens, 0) - coalesce(s.cache_read_tokens, 0) - coalesce(s.cache_write_tokens, 0),
        coalesce(s.cache_read_tokens, 0), coalesce(s.cache_write_tokens, 0), coalesce(s.output_tokens, 0),
        {input_cost_pico_usd..other_cost_pico_usd: coalesce(s.#, 0)}
    FROM summed s
    LEFT JOIN genai.fold fs ON s.folded <> 0 AND fs.id = s.series_id AND fs.folded = s.folded & 127::smallint
    LEFT JOIN genai.fold fi ON s.folded <> 0 AND fi.id = s.identity_id AND fi.folded = s.folded & 384::smallint
    JOIN wanted w ON w.id = coalesce(fs.booked_id, s.series_id)
    LEFT JOIN genai.identity i ON i.id = coalesce(fi.booked_id, s.identity_id)
    WHERE (coalesce(p_user, '*') = '*' OR i.user_id = p_user) AND (coalesce(p_tenant, '*') = '*' OR i.tenant_id = p_tenant)
$$;

-- Cells that are searched: tenants by rank, as long as there is room, but a few in any case; the others stand together. More
-- cells find nothing more (measured from 700 to 5,000): who is that small is no driver.
CREATE FUNCTION genai.most_cells() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 1000::bigint';
CREATE FUNCTION genai.least_tenants() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 5::bigint';

-- What a tenant spent, both windows.
CREATE TYPE genai.tenant_change AS (tenant_id text, k0 numeric, k1 numeric);

-- Tenants by how far their spend moved apart from what all did, and a tenth of their spend beside.
CREATE FUNCTION genai.tenants_by_rank(p_tenants genai.tenant_change[])
RETURNS TABLE (tenant_id text, place bigint) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT t.tenant_id, row_number() OVER (ORDER BY
        coalesce(abs(t.k1 - t.k0 * t.all1 / nullif(t.all0, 0)), t.k1) + 0.1 * (t.k0 + t.k1) DESC, t.tenant_id)
    FROM (
        SELECT t.*, sum(t.k0) OVER ()::float8 AS all0, sum(t.k1) OVER ()::float8 AS all1
        FROM (SELECT x.tenant_id, x.k0::float8 AS k0, x.k1::float8 AS k1 FROM unnest(p_tenants) x) t
    ) t
$$;

-- A tenant's part of a sum: as its part of what all tenants have, else as its part of the calls.
CREATE FUNCTION genai.part_of(p_sum numeric, p_part numeric, p_whole numeric, p_share numeric)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_share IS NULL OR p_sum = 0 THEN p_sum ELSE p_sum * coalesce(p_part / nullif(p_whole, 0), p_share) END
$$;

-- What tenants spent in both windows, from the hours by identity and the calls beside these. Two functions: whom to look at
-- closer needs one sum of all rows, the closer look all sums of a few rows.
CREATE FUNCTION genai.costs_by_tenant(
    p_from timestamptz, p_to timestamptz, p_before timestamptz, p_before_to timestamptz, p_env text, p_data_mode text,
    p_endpoint text, p_model text, p_provider text
) RETURNS TABLE (tenant_id text, k0 numeric, k1 numeric) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH piece AS MATERIALIZED (
        SELECT w.* FROM genai.window_pieces(
            p_from, p_to, p_before::text || '..' || p_before_to::text, 'identity_hour') w
    ), wanted AS MATERIALIZED (
        SELECT s.* FROM genai.series_of(p_env, p_data_mode, p_endpoint, NULL, p_model, p_provider, NULL) s
    )
    SELECT t.tenant_id, coalesce(sum(t.cost) FILTER (WHERE t.side = 0), 0), coalesce(sum(t.cost) FILTER (WHERE t.side = 1), 0)
    FROM (
        SELECT p.side, m.tenant_id, m.cost FROM piece p CROSS JOIN LATERAL (
            SELECT i.tenant_id, sum({input_cost_pico_usd..other_cost_pico_usd+ coalesce(m.#, 0)}) AS cost
            FROM genai.measured_identity_hour m LEFT JOIN genai.identity i ON i.id = m.identity_id
            WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
            GROUP BY i.tenant_id
        ) m
        WHERE p.level = 'hour'
        UNION ALL
        SELECT p.side, m.tenant_id, m.cost FROM piece p CROSS JOIN LATERAL (
            SELECT i.tenant_id, sum({input_cost_pico_usd..other_cost_pico_usd+ coalesce(m.#, 0)}) AS cost
            FROM genai.measured_call m LEFT JOIN genai.identity i ON i.id = m.identity_id
            WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
            GROUP BY i.tenant_id
        ) m
        WHERE p.level = 'call'
    ) t
    GROUP BY t.tenant_id
$$;

-- The sums of some tenants in both windows by endpoint and model. Planned for its arguments each time: a tenth of the rows.
CREATE FUNCTION genai.sums_by_tenant(
    p_from timestamptz, p_to timestamptz, p_before timestamptz, p_before_to timestamptz, p_env text, p_data_mode text,
    p_endpoint text, p_model text, p_provider text, p_tenants text[]
) RETURNS TABLE (
    side integer, endpoint_tag text, provider text, model text, tenant_id text, {calls..errors: # numeric},
    {input_tokens..cache_write_tokens: # numeric}, unpriced_calls numeric, {input_cost_pico_usd..other_cost_pico_usd: # numeric}
) LANGUAGE sql STABLE PARALLEL SAFE SET plan_cache_mode = force_custom_plan AS $$
    WITH piece AS MATERIALIZED (
        SELECT w.* FROM genai.window_pieces(
            p_from, p_to, p_before::text || '..' || p_before_to::text, 'identity_hour') w
    ), wanted AS MATERIALIZED (
        SELECT s.* FROM genai.series_of(p_env, p_data_mode, p_endpoint, NULL, p_model, p_provider, NULL) s
    ), person AS MATERIALIZED (
        SELECT i.id, i.tenant_id FROM genai.identity i WHERE i.tenant_id = ANY (p_tenants)
    )
    SELECT t.side, w.endpoint_tag, w.provider, w.model, t.tenant_id, {calls..errors: coalesce(sum(t.#), 0)},
        {input_tokens..cache_write_tokens: coalesce(sum(t.#), 0)}, coalesce(sum(t.unpriced_calls), 0),
        {input_cost_pico_usd..other_cost_pico_usd: coalesce(sum(t.#), 0)}
    FROM (
        SELECT p.side, m.* FROM piece p CROSS JOIN LATERAL (
            SELECT m.series_id, i.tenant_id, {calls..errors: genai.total(m.#) AS #},
                {input_tokens..cache_write_tokens: genai.total(m.#) AS #}, genai.total(m.unpriced_calls) AS unpriced_calls,
                {input_cost_pico_usd..other_cost_pico_usd: sum(m.#) AS #}
            FROM genai.measured_identity_hour m JOIN person i ON i.id = m.identity_id
            WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
            GROUP BY m.series_id, i.tenant_id
        ) m
        WHERE p.level = 'hour'
        UNION ALL
        SELECT p.side, m.* FROM piece p CROSS JOIN LATERAL (
            SELECT m.series_id, i.tenant_id, {calls..errors: genai.total(m.#) AS #},
                {input_tokens..cache_write_tokens: genai.total(m.#) AS #}, genai.total(m.unpriced_calls) AS unpriced_calls,
                {input_cost_pico_usd..other_cost_pico_usd: sum(m.#) AS #}
            FROM genai.measured_call m JOIN person i ON i.id = m.identity_id
            WHERE m.bucket >= p.from_time AND m.bucket < p.to_time AND CASE WHEN m.series_id IS NOT NULL THEN m.series_id IN (SELECT w.id FROM wanted w) END
            GROUP BY m.series_id, i.tenant_id
        ) m
        WHERE p.level = 'call'
    ) t
    JOIN wanted w ON w.id = t.series_id
    GROUP BY t.side, w.endpoint_tag, w.provider, w.model, t.tenant_id
$$;

-- The same from rollups, by the dimensions that they have. Without a filter on user or tenant two of them meet: sums by
-- service, endpoint, version and model are divided among tenants as the sums by identity say for the endpoint and model
-- (the same for all its versions: no combination of both may be named); not in windows of more than four days, whose hours
-- by identity are too many, nor where these are gone. Costs of calls scatter as usual. `__other__` is what the tenants
-- that are looked at leave; where single calls are gone, their windows may reach further than that of the sums.
CREATE FUNCTION genai.usage_of_sums(
    p_from timestamptz, p_to timestamptz, p_before timestamptz, p_before_to timestamptz, p_env text, p_data_mode text,
    p_endpoint text, p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text
) RETURNS TABLE (
    side integer, service_name text, endpoint_tag text, prompt_version text, provider text, model text, tenant_id text,
    user_id text, requests numeric, calls numeric, cost numeric, cost_square double precision, successes numeric,
    errors numeric, unpriced_calls numeric, fresh_tokens numeric, cache_read_tokens numeric, cache_write_tokens numeric,
    output_tokens numeric, {input_cost_pico_usd..other_cost_pico_usd: # numeric}
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH usage AS MATERIALIZED (   -- by name: what is materialized is summed, whether it is read or not
        SELECT u.side, u.service_name, u.endpoint_tag, u.prompt_version, u.provider, u.model, u.tenant_id, u.user_id,
            {calls..errors: u.#}, {input_tokens..cache_write_tokens: u.#}, u.unpriced_calls,
            {input_cost_pico_usd..other_cost_pico_usd: u.#},
            u.input_tokens - u.cache_read_tokens - u.cache_write_tokens AS fresh_tokens
        FROM genai.usage_of_both(
            p_from, p_to, p_before::text || '..' || p_before_to::text, p_env, p_data_mode, 'endpoint', p_endpoint,
            p_prompt_version, p_user, p_tenant, p_model, p_provider, p_service) u
    ), kept AS MATERIALIZED (
        SELECT r.tenant_id
        FROM genai.tenants_by_rank((
            SELECT array_agg(ROW(t.tenant_id, t.k0, t.k1)::genai.tenant_change)
            FROM genai.costs_by_tenant(
                p_from, p_to, p_before, p_before_to, p_env, p_data_mode, p_endpoint, p_model, p_provider) t
            WHERE coalesce(p_user, '*') = '*' AND coalesce(p_tenant, '*') = '*' AND p_to - p_from <= interval '4 days'
                AND least(p_from, p_before) >= (SELECT f.time FROM genai.floor f WHERE f.level = 'identity_hour'))) r
        WHERE r.place <= greatest(genai.least_tenants(), 2 * genai.most_cells() / (SELECT greatest(count(*), 1) FROM usage))
    ), named AS MATERIALIZED (
        SELECT t.* FROM genai.sums_by_tenant(p_from, p_to, p_before, p_before_to, p_env, p_data_mode, p_endpoint, p_model,
            p_provider, ARRAY(SELECT k.tenant_id FROM kept k)) t
    ), tenant AS (
        SELECT n.* FROM named n
        UNION ALL
        SELECT w.side, w.endpoint_tag, w.provider, w.model, '__other__', {calls..errors: greatest(w.# - coalesce(n.#, 0), 0)},
            {input_tokens..cache_write_tokens: greatest(w.# - coalesce(n.#, 0), 0)},
            greatest(w.unpriced_calls - coalesce(n.unpriced_calls, 0), 0),
            {input_cost_pico_usd..other_cost_pico_usd: greatest(w.# - coalesce(n.#, 0), 0)}
        FROM (
            SELECT u.side, u.endpoint_tag, u.provider, u.model, {calls..errors: sum(u.#) AS #},
                {input_tokens..cache_write_tokens: sum(u.#) AS #}, sum(u.unpriced_calls) AS unpriced_calls,
                {input_cost_pico_usd..other_cost_pico_usd: sum(u.#) AS #}
            FROM usage u WHERE EXISTS (SELECT FROM kept) GROUP BY u.side, u.endpoint_tag, u.provider, u.model
        ) w
        LEFT JOIN (
            SELECT n.side, n.endpoint_tag, n.provider, n.model, {calls..errors: sum(n.#) AS #},
                {input_tokens..cache_write_tokens: sum(n.#) AS #}, sum(n.unpriced_calls) AS unpriced_calls,
                {input_cost_pico_usd..other_cost_pico_usd: sum(n.#) AS #}
            FROM named n GROUP BY n.side, n.endpoint_tag, n.provider, n.model
        ) n ON n.side = w.side AND n.endpoint_tag = w.endpoint_tag AND n.provider = w.provider AND n.model = w.model
        WHERE w.calls > coalesce(n.calls, 0)
    ), part AS MATERIALIZED (
        SELECT t.side, t.endpoint_tag, t.provider, t.model, t.tenant_id, t.calls / nullif(sum(t.calls) OVER whole, 0) AS share,
            {calls..errors: t.#, sum(t.#) OVER whole AS all_#},
            {input_cost_pico_usd..other_cost_pico_usd: t.#, sum(t.#) OVER whole AS all_#},
            t.unpriced_calls AS unpriced, sum(t.unpriced_calls) OVER whole AS all_unpriced,
            t.input_tokens - t.cache_read_tokens - t.cache_write_tokens AS fresh,
            sum(t.input_tokens - t.cache_read_tokens - t.cache_write_tokens) OVER whole AS all_fresh,
            t.cache_read_tokens AS read, sum(t.cache_read_tokens) OVER whole AS all_read,
            t.cache_write_tokens AS kept, sum(t.cache_write_tokens) OVER whole AS all_kept,
            t.output_tokens AS written, sum(t.output_tokens) OVER whole AS all_written
        FROM tenant t
        WINDOW whole AS (PARTITION BY t.side, t.endpoint_tag, t.provider, t.model)
    )
    SELECT d.side, d.service_name, d.endpoint_tag, d.prompt_version, d.provider, d.model, d.tenant_id, d.user_id, d.requests,
        d.calls, {input_cost_pico_usd..other_cost_pico_usd+ d.#}, 0::float8, d.successes, d.errors, d.unpriced, d.fresh, d.read,
        d.kept, d.written, {input_cost_pico_usd..other_cost_pico_usd: d.#}
    FROM (
        SELECT u.side, u.service_name, u.endpoint_tag, u.prompt_version, u.provider, u.model,
            coalesce(t.tenant_id, u.tenant_id) AS tenant_id, u.user_id,
            {calls..errors: genai.part_of(u.#, t.#, t.all_#, t.share) AS #},
            genai.part_of(u.unpriced_calls, t.unpriced, t.all_unpriced, t.share) AS unpriced,
            genai.part_of(u.fresh_tokens, t.fresh, t.all_fresh, t.share) AS fresh,
            genai.part_of(u.cache_read_tokens, t.read, t.all_read, t.share) AS read,
            genai.part_of(u.cache_write_tokens, t.kept, t.all_kept, t.share) AS kept,
            genai.part_of(u.output_tokens, t.written, t.all_written, t.share) AS written,
            {input_cost_pico_usd..other_cost_pico_usd: genai.part_of(u.#, t.#, t.all_#, t.share) AS #}
        FROM usage u
        LEFT JOIN part t ON t.side = u.side AND t.endpoint_tag = u.endpoint_tag AND t.provider = u.provider AND t.model = u.model
    ) d
$$;
