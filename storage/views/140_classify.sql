-- What kind of spike a change is (LEDGER §25): the first rule that holds, with the numbers that decided.

-- Money in a sentence: cents, or six places where cents would say nothing.
CREATE FUNCTION genai.usd_text(p_usd numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_usd < 0 THEN '-$' ELSE '$' END || CASE
        WHEN abs(p_usd) >= 1 OR p_usd = 0 THEN to_char(abs(p_usd), 'FM999,999,999,990.00')
        ELSE to_char(abs(p_usd), 'FM0.000000') END
$$;

CREATE FUNCTION genai.percent_text(p_ratio numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(to_char(p_ratio * 100, 'FM999,999,990') || ' %', 'none')
$$;

CREATE FUNCTION genai.count_text(p_count numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_char(p_count, 'FM999,999,999,999,990')
$$;

-- `1,200 -> 2,400 requests`
CREATE FUNCTION genai.change_text(p_before numeric, p_after numeric, p_what text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT genai.count_text(p_before) || ' -> ' || genai.count_text(p_after) || ' ' || p_what
$$;

-- One row. New and gone endpoints count as volume. A deploy needs, beside its share in the change of the cost per
-- request, that this change is `p_min_change` of what the requests would have cost: else any version that is new on the
-- day of a rush of requests would explain the rush. A version is new that made at most `p_new_share` of its calls of
-- now before: no window begins with the very first call of a deploy.
CREATE FUNCTION genai.classify(
    p_from timestamptz, p_to timestamptz, p_baseline text DEFAULT 'previous', p_env text DEFAULT 'prod',
    p_data_mode text DEFAULT 'real', p_endpoint text DEFAULT NULL, p_prompt_version text DEFAULT NULL,
    p_user text DEFAULT NULL, p_tenant text DEFAULT NULL, p_model text DEFAULT NULL, p_provider text DEFAULT NULL,
    p_service text DEFAULT NULL, p_min_calls numeric DEFAULT 50, p_min_change numeric DEFAULT 0.10,
    p_unpriced_share numeric DEFAULT 0.05, p_unpriced_growth numeric DEFAULT 2, p_share numeric DEFAULT 0.50,
    p_error_share numeric DEFAULT 0.20, p_error_growth numeric DEFAULT 3, p_identity_growth numeric DEFAULT 2,
    p_new_share numeric DEFAULT 0.05
) RETURNS TABLE (
    class text, subject text, sentence text, evidence jsonb, cost_usd numeric, baseline_cost_usd numeric,
    delta_usd numeric
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH cell AS MATERIALIZED (
        SELECT
            u.endpoint_tag, u.prompt_version, u.provider || '/' || u.model AS model,
            sum(j.judged_by * (1 - u.side)) AS n0, sum(j.judged_by * u.side) AS n1,
            sum(u.calls * (1 - u.side)) AS c0, sum(u.calls * u.side) AS c1,
            sum(u.cost_pico_usd * (1 - u.side)) * 1e-12 AS k0, sum(u.cost_pico_usd * u.side) * 1e-12 AS k1,
            sum(u.unpriced_calls * u.side) AS unpriced
        FROM genai.usage_of_both(
            p_from, p_to, p_baseline, p_env, p_data_mode, 'prompt_version', p_endpoint, p_prompt_version, p_user,
            p_tenant, p_model, p_provider, p_service) u
        CROSS JOIN LATERAL (
            SELECT CASE WHEN genai.judged_per_call('', p_model, p_provider) THEN u.calls ELSE u.requests END AS judged_by
        ) j
        GROUP BY u.endpoint_tag, u.prompt_version, u.provider, u.model
    ), identity AS MATERIALIZED (
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
    ), total AS MATERIALIZED (
        SELECT
            t.*, sign(t.delta_usd) AS way, nullif(t.delta_usd, 0) AS delta, nullif(t.baseline_cost_usd, 0) AS baseline,
            t.volume_usd + t.new_usd + t.gone_usd AS more_usd,
            t.calls - t.baseline_calls AS added_calls,
            coalesce(t.unpriced_calls / nullif(t.calls, 0)::numeric, 0) AS unpriced_share,
            coalesce(t.baseline_unpriced_calls / nullif(t.baseline_calls, 0)::numeric, 0) AS baseline_unpriced_share,
            coalesce(t.errors / nullif(t.calls - t.cancelled, 0)::numeric, 0) AS error_share,
            coalesce(t.baseline_errors / nullif(t.baseline_calls - t.baseline_cancelled, 0)::numeric, 0)
                AS baseline_error_share
        FROM genai.compare(
            p_from, p_to, p_baseline, p_env, p_data_mode, 'endpoint', p_endpoint, p_prompt_version, p_user, p_tenant,
            p_model, p_provider, p_service, 0) t
    ), busiest AS (
        -- The identity with the most added calls, a user before its tenant.
        SELECT i.kind, i.value, i.c0, i.c1, (i.c1 - i.c0) / t.added_calls::numeric AS share
        FROM identity i CROSS JOIN total t
        WHERE t.added_calls > 0
        ORDER BY i.c1 - i.c0 DESC, i.kind DESC, i.value
        LIMIT 1
    ), dearest AS (
        SELECT i.kind, i.value, i.k0, i.k1, (i.k1 - i.k0) / t.delta AS share,
            i.k1 / nullif(t.cost_usd, 0) AS cost_share, i.k0 / t.baseline AS baseline_cost_share
        FROM identity i CROSS JOIN total t
        ORDER BY
            (i.k1 - i.k0) * t.way >= p_share * abs(t.delta_usd) AND i.k1 / nullif(t.cost_usd, 0)
                >= p_identity_growth * coalesce(i.k0 / t.baseline, 0) DESC NULLS LAST,
            (i.k1 - i.k0) * t.way DESC, i.kind DESC, i.value
        LIMIT 1
    ), unit AS (
        -- What a request of each endpoint cost in the baseline; endpoints of one window have no unit to judge by.
        SELECT c.endpoint_tag, sum(c.k0) / sum(c.n0) AS usd
        FROM cell c
        GROUP BY c.endpoint_tag
        HAVING sum(c.n0) > 0 AND sum(c.n1) > 0
    ), version AS (
        -- Cost above (or below) what the same requests would have cost in the baseline.
        SELECT c.endpoint_tag, c.prompt_version, sum(c.n1) AS n1, sum(c.k1) AS k1, u.usd AS unit_usd,
            sum(c.k1) - sum(c.n1) * u.usd AS excess,
            sum(c.c0) <= p_new_share * sum(c.c1) AND genai.is_named(c.prompt_version) AS is_new
        FROM cell c JOIN unit u ON u.endpoint_tag = c.endpoint_tag
        GROUP BY c.endpoint_tag, c.prompt_version, u.usd
    ), deploy AS (
        SELECT
            v.part, v.of_new, v.of_new / nullif(v.part, 0) AS share, v.part / t.delta AS part_of_delta,
            n.endpoint_tag, n.prompt_version, n.unit_usd, n.k1 / nullif(n.n1, 0) AS new_unit_usd, n.n1
        FROM (
            SELECT sum(v.excess) AS part, coalesce(sum(v.excess) FILTER (WHERE v.is_new), 0) AS of_new FROM version v
        ) v
        CROSS JOIN total t
        LEFT JOIN LATERAL (
            SELECT v.* FROM version v WHERE v.is_new
            ORDER BY v.excess * t.way DESC, v.prompt_version, v.endpoint_tag LIMIT 1
        ) n ON true
    ), model AS (
        SELECT m.model, m.k0, m.k1, m.c0, m.c1 FROM (
            SELECT c.model, sum(c.k0) AS k0, sum(c.k1) AS k1, sum(c.c0) AS c0, sum(c.c1) AS c1
            FROM cell c GROUP BY c.model
        ) m CROSS JOIN total t
        ORDER BY (m.k1 - m.k0) * t.way DESC, m.model
        LIMIT 1
    ), unpriced AS (
        SELECT c.model, sum(c.unpriced) AS calls FROM cell c
        GROUP BY c.model HAVING sum(c.unpriced) > 0 ORDER BY sum(c.unpriced) DESC, c.model LIMIT 1
    ), largest AS (
        SELECT v.class, v.usd, v.usd / t.delta AS share
        FROM total t
        CROSS JOIN LATERAL (VALUES
            ('token', t.tokens_usd), ('price', t.price_usd), ('model_mix', t.mix_usd), ('volume', t.more_usd)
        ) v (class, usd)
        ORDER BY v.usd * t.way DESC
        LIMIT 1
    ), decided AS (
        SELECT
            CASE
                WHEN least(t.calls, t.baseline_calls) < p_min_calls THEN 'unclear'
                WHEN abs(t.delta_usd) < p_min_change * t.baseline_cost_usd OR t.delta_usd = 0 THEN 'unclear'
                WHEN t.unpriced_share > p_unpriced_share
                    AND t.unpriced_share >= p_unpriced_growth * t.baseline_unpriced_share THEN 'unknown_model'
                WHEN t.attempts_usd / t.delta >= p_share THEN 'retry_storm'
                WHEN b.share >= p_share AND t.error_share >= p_error_share
                    AND t.error_share >= p_error_growth * t.baseline_error_share THEN 'abuse'
                WHEN d.share >= p_share AND d.cost_share >= p_identity_growth * coalesce(d.baseline_cost_share, 0)
                    THEN 'identity_concentration'
                WHEN v.share >= p_share AND v.part * t.way >= p_min_change * (t.cost_usd - v.part) THEN 'deploy'
                WHEN l.share >= p_share THEN l.class
                ELSE 'unclear'
            END AS class,
            t, b, d, v, m, n, l
        FROM total t
        LEFT JOIN busiest b ON true
        LEFT JOIN dearest d ON true
        LEFT JOIN deploy v ON true
        LEFT JOIN model m ON true
        LEFT JOIN unpriced n ON true
        LEFT JOIN largest l ON true
    )
    SELECT
        x.class,
        CASE x.class
            WHEN 'unknown_model' THEN (x.n).model
            WHEN 'abuse' THEN (x.b).value
            WHEN 'identity_concentration' THEN (x.d).value
            WHEN 'deploy' THEN (x.v).prompt_version
            WHEN 'model_mix' THEN (x.m).model
        END,
        CASE x.class
            WHEN 'unknown_model' THEN genai.percent_text((x.t).unpriced_share) || ' of the calls have no price ('
                || genai.percent_text((x.t).baseline_unpriced_share) || ' before), most of them ' || (x.n).model
                || ': the change is at least ' || genai.usd_text((x.t).delta_usd) || '.'
            WHEN 'retry_storm' THEN 'Calls for one success went '
                || coalesce(to_char((x.t).baseline_attempts_per_success, 'FM9990.00'), 'from none') || ' -> '
                || coalesce(to_char((x.t).attempts_per_success, 'FM9990.00'), 'none') || '; further attempts are '
                || genai.usd_text((x.t).attempts_usd) || ' of ' || genai.usd_text((x.t).delta_usd) || '.'
            WHEN 'abuse' THEN (x.b).kind || ' ' || (x.b).value || ' made ' || genai.percent_text((x.b).share)
                || ' of the added calls (' || genai.change_text((x.b).c0, (x.b).c1, 'calls') || ') while errors went '
                || genai.percent_text((x.t).baseline_error_share) || ' -> ' || genai.percent_text((x.t).error_share) || '.'
            WHEN 'identity_concentration' THEN (x.d).kind || ' ' || (x.d).value || ' is '
                || genai.percent_text((x.d).share) || ' of the change and went '
                || genai.percent_text((x.d).baseline_cost_share) || ' -> ' || genai.percent_text((x.d).cost_share)
                || ' of the cost.'
            WHEN 'deploy' THEN 'Prompt version ' || (x.v).prompt_version || ' of ' || (x.v).endpoint_tag
                || ' is new: a request costs ' || genai.usd_text((x.v).new_unit_usd) || ' instead of '
                || genai.usd_text((x.v).unit_usd) || ', tokens per request went '
                || genai.change_text((x.t).baseline_tokens_per_request::numeric, (x.t).tokens_per_request::numeric, '')
                || '(all versions). New versions explain ' || genai.percent_text((x.v).share)
                || ' of the change in cost per request, which is ' || genai.usd_text((x.v).part) || ' of '
                || genai.usd_text((x.t).delta_usd) || '.'
            WHEN 'token' THEN 'Tokens per request went '
                || genai.change_text((x.t).baseline_tokens_per_request::numeric, (x.t).tokens_per_request::numeric, '')
                || '(' || genai.usd_text((x.t).tokens_usd) || ' of ' || genai.usd_text((x.t).delta_usd)
                || '; input ' || genai.usd_text((x.t).input_tokens_usd) || ', cached '
                || genai.usd_text((x.t).cache_read_tokens_usd + (x.t).cache_write_tokens_usd) || ', output '
                || genai.usd_text((x.t).output_tokens_usd) || ').'
            WHEN 'price' THEN 'The same tokens cost more or less than before: ' || genai.usd_text((x.t).price_usd)
                || ' of ' || genai.usd_text((x.t).delta_usd) || '.'
            WHEN 'model_mix' THEN 'Calls moved to other models: ' || genai.usd_text((x.t).mix_usd) || ' of '
                || genai.usd_text((x.t).delta_usd) || ', most with ' || (x.m).model || ' ('
                || genai.change_text((x.m).c0, (x.m).c1, 'calls') || ').'
            WHEN 'volume' THEN genai.change_text((x.t).baseline_requests, (x.t).requests, 'requests') || ': '
                || genai.usd_text((x.t).more_usd) || ' of ' || genai.usd_text((x.t).delta_usd)
                || CASE WHEN (x.t).new_usd <> 0
                    THEN ', of it ' || genai.usd_text((x.t).new_usd) || ' at new endpoints' ELSE '' END || '.'
            ELSE CASE
                WHEN least((x.t).calls, (x.t).baseline_calls) < p_min_calls THEN 'Too few calls to judge: '
                    || genai.change_text((x.t).baseline_calls, (x.t).calls, 'calls') || '.'
                WHEN abs((x.t).delta_usd) < p_min_change * (x.t).baseline_cost_usd OR (x.t).delta_usd = 0
                    THEN 'Spend hardly changed: ' || genai.usd_text((x.t).delta_usd) || ' on '
                        || genai.usd_text((x.t).baseline_cost_usd) || '.'
                ELSE 'No single cause: the largest, ' || (x.l).class || ', is ' || genai.percent_text((x.l).share)
                    || ' of the change.' END
        END,
        jsonb_build_object(
            'calls', (x.t).calls, 'baseline_calls', (x.t).baseline_calls, 'requests', (x.t).requests,
            'baseline_requests', (x.t).baseline_requests, 'delta_ratio', (x.t).delta_ratio,
            'unpriced_share', (x.t).unpriced_share, 'baseline_unpriced_share', (x.t).baseline_unpriced_share,
            'unpriced_model', (x.n).model, 'error_share', (x.t).error_share,
            'baseline_error_share', (x.t).baseline_error_share,
            'attempts_per_success', (x.t).attempts_per_success,
            'baseline_attempts_per_success', (x.t).baseline_attempts_per_success
        ) || jsonb_build_object(
            'volume_usd', (x.t).volume_usd, 'attempts_usd', (x.t).attempts_usd, 'mix_usd', (x.t).mix_usd,
            'tokens_usd', (x.t).tokens_usd, 'price_usd', (x.t).price_usd, 'new_usd', (x.t).new_usd,
            'gone_usd', (x.t).gone_usd, 'attempts_share', (x.t).attempts_usd / (x.t).delta,
            'top_endpoint', (x.t).top_segment, 'largest_term', (x.l).class, 'largest_term_share', (x.l).share,
            'added_calls_by', to_jsonb(x.b), 'cost_by', to_jsonb(x.d), 'deploy', to_jsonb(x.v), 'model', to_jsonb(x.m)
        ),
        (x.t).cost_usd, (x.t).baseline_cost_usd, (x.t).delta_usd
    FROM decided x
$$;
