-- What the rules of `classify` look at beside the terms and the drivers (LEDGER §25).

-- The identity with most of the added calls (`added_calls_by`, a user before its tenant), and the one with most of the
-- change, first those that are `p_share` of it and `p_growth` times their usual share of the cost (`cost_by`).
CREATE FUNCTION genai.identities_of_change(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text,
    p_delta numeric, p_cost numeric, p_before numeric, p_added numeric, p_share numeric, p_growth numeric
) RETURNS TABLE (added_calls_by jsonb, cost_by jsonb) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH identity AS MATERIALIZED (
        SELECT
            i.kind, i.value, sum(u.calls * (1 - u.side)) AS c0, sum(u.calls * u.side) AS c1,
            sum(u.cost_pico_usd * (1 - u.side)) * 1e-12 AS k0, sum(u.cost_pico_usd * u.side) * 1e-12 AS k1
        FROM genai.sums_of(
            p_from, p_to, p_baseline, p_env, p_data_mode, 'user', p_endpoint, p_prompt_version, p_user, p_tenant,
            p_model, p_provider, p_service, CASE WHEN coalesce(p_provider, '*') = '*' THEN genai.spend_source(
                'user', p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_service)
                ELSE genai.window_source('user', p_endpoint, p_prompt_version, p_user, p_tenant, p_service) END) u
        CROSS JOIN LATERAL (VALUES ('user', u.user_id), ('tenant', u.tenant_id)) i (kind, value)
        WHERE genai.is_named(i.value)
        GROUP BY i.kind, i.value
    ), busiest AS (
        SELECT i.kind, i.value, i.c0, i.c1, (i.c1 - i.c0) / nullif(p_added, 0) AS share
        FROM identity i
        WHERE p_added > 0
        ORDER BY i.c1 - i.c0 DESC, i.kind DESC, i.value
        LIMIT 1
    ), most_expensive AS (
        SELECT i.kind, i.value, i.k0, i.k1, (i.k1 - i.k0) / nullif(p_delta, 0) AS share,
            i.k1 / nullif(p_cost, 0) AS cost_share, i.k0 / nullif(p_before, 0) AS baseline_cost_share
        FROM identity i
        ORDER BY
            (i.k1 - i.k0) * sign(p_delta) >= p_share * abs(p_delta) AND i.k1 / nullif(p_cost, 0)
                >= p_growth * coalesce(i.k0 / nullif(p_before, 0), 0) DESC NULLS LAST,
            (i.k1 - i.k0) * sign(p_delta) DESC, i.kind DESC, i.value
        LIMIT 1
    )
    SELECT (SELECT to_jsonb(b) FROM busiest b), (SELECT to_jsonb(e) FROM most_expensive e)
$$;

-- New versions (at most `p_new_share` of their calls before): their part in what the same requests would have cost at each
-- endpoint's own cost per request, and the one that adds most, with what its requests `read` and `written` against the
-- endpoint's before; the model with most of the change; the one most of whose
-- calls have no price. Endpoints of one window only have nothing to be judged by.
CREATE FUNCTION genai.versions_of_change(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text,
    p_delta numeric, p_new_share numeric
) RETURNS TABLE (deploy jsonb, model jsonb, unpriced_model text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH cell AS MATERIALIZED (
        SELECT
            u.endpoint_tag, u.prompt_version, u.provider || '/' || u.model AS model,
            sum(j.judged_by * (1 - u.side)) AS n0, sum(j.judged_by * u.side) AS n1,
            sum(u.calls * (1 - u.side)) AS c0, sum(u.calls * u.side) AS c1,
            sum(u.cost_pico_usd * (1 - u.side)) * 1e-12 AS k0, sum(u.cost_pico_usd * u.side) * 1e-12 AS k1,
            sum(u.unpriced_calls * u.side) AS unpriced,
            sum(u.input_tokens * (1 - u.side)) AS i0, sum(u.input_tokens * u.side) AS i1,
            sum(u.output_tokens * (1 - u.side)) AS o0, sum(u.output_tokens * u.side) AS o1
        FROM genai.usage_of_both(
            p_from, p_to, p_baseline, p_env, p_data_mode, 'prompt_version', p_endpoint, p_prompt_version, p_user,
            p_tenant, p_model, p_provider, p_service) u
        CROSS JOIN LATERAL (
            SELECT CASE WHEN genai.judged_per_call('', p_model, p_provider) THEN u.calls ELSE u.requests END AS judged_by
        ) j
        GROUP BY u.endpoint_tag, u.prompt_version, u.provider, u.model
    ), version AS MATERIALIZED (
        SELECT c.endpoint_tag, c.prompt_version, sum(c.n1) AS n1, sum(c.k1) AS k1, u.usd AS unit_usd,
            sum(c.k1) - sum(c.n1) * u.usd AS excess, sum(c.i1) / nullif(sum(c.n1), 0) / nullif(u.input, 0) AS read,
            sum(c.o1) / nullif(sum(c.n1), 0) / nullif(u.output, 0) AS written,
            sum(c.c0) <= p_new_share * sum(c.c1) AND genai.is_named(c.prompt_version) AS is_new
        FROM cell c
        JOIN (
            SELECT c.endpoint_tag, sum(c.k0) / sum(c.n0) AS usd, sum(c.i0) / sum(c.n0) AS input, sum(c.o0) / sum(c.n0) AS output
            FROM cell c
            GROUP BY c.endpoint_tag
            HAVING sum(c.n0) > 0 AND sum(c.n1) > 0
        ) u ON u.endpoint_tag = c.endpoint_tag
        GROUP BY c.endpoint_tag, c.prompt_version, u.usd, u.input, u.output
    ), deploy AS (
        SELECT v.part, v.of_new, v.of_new / nullif(v.part, 0) AS share, v.part / nullif(p_delta, 0) AS part_of_delta,
            n.endpoint_tag, n.prompt_version, n.unit_usd, n.k1 / nullif(n.n1, 0) AS new_unit_usd, n.n1,
            round(n.read, 6) AS read, round(n.written, 6) AS written
        FROM (
            SELECT sum(v.excess) AS part, coalesce(sum(v.excess) FILTER (WHERE v.is_new), 0) AS of_new FROM version v
        ) v
        LEFT JOIN LATERAL (
            SELECT n.* FROM version n WHERE n.is_new
            ORDER BY n.excess * sign(v.part) DESC, n.prompt_version, n.endpoint_tag LIMIT 1
        ) n ON true
    ), model AS (
        SELECT c.model, sum(c.k0) AS k0, sum(c.k1) AS k1, sum(c.c0) AS c0, sum(c.c1) AS c1
        FROM cell c GROUP BY c.model
        ORDER BY (sum(c.k1) - sum(c.k0)) * sign(p_delta) DESC, c.model
        LIMIT 1
    )
    SELECT (SELECT to_jsonb(d) FROM deploy d), (SELECT to_jsonb(m) FROM model m), (
        SELECT c.model FROM cell c GROUP BY c.model HAVING sum(c.unpriced) > 0 ORDER BY sum(c.unpriced) DESC, c.model LIMIT 1)
$$;

-- Usage by hour and series; `last_seen` of a series is an index lookup.
CREATE VIEW genai.series_seen AS
SELECT s.id, s.environment, s.data_mode, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model,
    first.bucket AS first_seen, last.bucket AS last_seen
FROM _genai.series s
CROSS JOIN LATERAL (
    SELECT u.bucket FROM _genai.usage_hour u WHERE u.series_id = s.id ORDER BY u.bucket LIMIT 1
) first
CROSS JOIN LATERAL (
    SELECT u.bucket FROM _genai.usage_hour u WHERE u.series_id = s.id ORDER BY u.bucket DESC LIMIT 1
) last;

-- When the data of a selection begin; NULL without any.
CREATE FUNCTION genai.data_from(p_env text, p_data_mode text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT min(s.first_seen) FROM genai.series_seen s
    WHERE (coalesce(p_env, '*') = '*' OR s.environment = ANY (string_to_array(p_env, ',')))
        AND (coalesce(p_data_mode, '*') = '*' OR s.data_mode = p_data_mode)
$$;
