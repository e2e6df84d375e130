-- What kind of spike a change is (LEDGER §25). Two questions are answered apart: how many (requests) and how much each (the
-- cost per request), each with its own significance; the class is a word for the larger one and its first driver.

-- One row: the terms, both questions, the first driver of each measure and the other facts. `requests_moved`: beyond three
-- deviations of the counts (twice a Poisson process's variance) and 3 %. `unit_moved`: beyond three deviations of the
-- calls' own costs and 3 %, or `p_min_change`, or there is a driver. Calls without a price weigh what a call with one costs.
CREATE FUNCTION genai.spike_evidence(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text,
    p_min_calls numeric, p_min_change numeric, p_share numeric, p_identity_growth numeric, p_new_share numeric
) RETURNS TABLE (evidence jsonb, cost_usd numeric, baseline_cost_usd numeric, delta_usd numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH total AS MATERIALIZED (
        SELECT t.*, t.volume_usd + t.new_usd + t.gone_usd AS more_usd, j.per_call,
            CASE WHEN j.per_call THEN t.calls ELSE t.requests END AS n1,
            CASE WHEN j.per_call THEN t.baseline_calls ELSE t.baseline_requests END AS n0
        FROM genai.compare(
            p_from, p_to, p_baseline, p_env, p_data_mode, 'endpoint', p_endpoint, p_prompt_version, p_user, p_tenant,
            p_model, p_provider, p_service, 0) t
        CROSS JOIN (SELECT genai.judged_per_call('', p_model, p_provider) AS per_call) j
    ), enough AS MATERIALIZED (
        SELECT 1 FROM total t WHERE least(t.calls, t.baseline_calls) >= p_min_calls
    ), spend AS MATERIALIZED (
        SELECT d.* FROM genai.drivers(
            p_from, p_to, p_env, 'spend', p_baseline, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
            p_provider, p_service, 1, true) d
        WHERE EXISTS (SELECT FROM enough)
    ), unit AS MATERIALIZED (
        SELECT d.* FROM genai.drivers(
            p_from, p_to, p_env, 'cost_per_request', p_baseline, p_data_mode, p_endpoint, p_prompt_version, p_user,
            p_tenant, p_model, p_provider, p_service, 1, true) d
        WHERE EXISTS (SELECT FROM enough)
    ), moved AS MATERIALIZED (
        SELECT power(t.n1 - t.n0, 2) >= 9 * 2 * (t.n1 + t.n0) AND abs(t.n1 - t.n0) >= 0.03 * t.n0 AS requests,
            abs(r.unit - 1) >= p_min_change OR EXISTS (SELECT FROM unit u WHERE u.kind = 'driver')
                OR abs(r.unit - 1) >= 0.03 AND (SELECT u.strength FROM unit u WHERE u.kind = 'drift') >= 4.5 AS unit,
            NOT EXISTS (SELECT FROM spend s WHERE s.kind = 'driver')
                AND (SELECT abs(s.drift_ratio / nullif(s.ratio, 0) - 1) < 0.1 FROM spend s WHERE s.kind = 'drift') AS alike
        FROM total t
        CROSS JOIN LATERAL (
            SELECT t.cost_per_request_usd / nullif(t.baseline_cost_per_request_usd, 0) AS unit
        ) r
    )
    SELECT jsonb_build_object(
            'calls', t.calls, 'baseline_calls', t.baseline_calls, 'requests', t.n1, 'baseline_requests', t.n0,
            'per_call', t.per_call, 'needed', p_min_calls, 'data_from', genai.data_from(p_env, p_data_mode),
            'baseline_from', t.baseline_from_used, 'baseline_to', t.baseline_to_used, 'delta_ratio', t.delta_ratio,
            'cost_per_request_usd', t.cost_per_request_usd,
            'baseline_cost_per_request_usd', t.baseline_cost_per_request_usd,
            'tokens_per_request', t.tokens_per_request, 'baseline_tokens_per_request', t.baseline_tokens_per_request,
            'requests_moved', coalesce(m.requests, false), 'unit_moved', coalesce(m.unit, false),
            'moved_alike', coalesce(m.alike, false), 'drift_ratio', (SELECT s.drift_ratio FROM spend s WHERE s.kind = 'drift'),
            'spend_driver', (SELECT to_jsonb(s) FROM spend s WHERE s.kind = 'driver'),
            'unit_driver', (SELECT to_jsonb(u) FROM unit u WHERE u.kind = 'driver')
        ) || jsonb_build_object(
            'unpriced_share', t.unpriced_calls / nullif(t.calls, 0)::numeric,
            'baseline_unpriced_share', coalesce(t.baseline_unpriced_calls / nullif(t.baseline_calls, 0)::numeric, 0),
            'unpriced_estimate_usd', round(t.cost_usd * t.unpriced_calls / nullif(t.calls - t.unpriced_calls, 0), 12),
            'unpriced_model', v.unpriced_model,
            'error_share', coalesce(t.errors / nullif(t.calls - t.cancelled, 0)::numeric, 0),
            'baseline_error_share', coalesce(t.baseline_errors / nullif(t.baseline_calls - t.baseline_cancelled, 0)::numeric, 0),
            'attempts_per_success', t.attempts_per_success,
            'baseline_attempts_per_success', t.baseline_attempts_per_success
        ) || jsonb_build_object(
            'more_usd', t.more_usd, 'unit_usd', t.delta_usd - t.more_usd, 'volume_usd', t.volume_usd,
            'attempts_usd', t.attempts_usd, 'mix_usd', t.mix_usd, 'tokens_usd', t.tokens_usd, 'price_usd', t.price_usd,
            'new_usd', t.new_usd, 'gone_usd', t.gone_usd, 'attempts_share', t.attempts_usd / nullif(t.delta_usd, 0),
            'top_endpoint', t.top_segment, 'added_calls_by', i.added_calls_by, 'cost_by', i.cost_by, 'deploy', v.deploy,
            'model', v.model
        ), t.cost_usd, t.baseline_cost_usd, t.delta_usd
    FROM total t
    CROSS JOIN moved m
    LEFT JOIN LATERAL genai.identities_of_change(
        p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_provider,
        p_service, t.delta_usd, t.cost_usd, t.baseline_cost_usd, (t.calls - t.baseline_calls)::numeric, p_share,
        p_identity_growth) i ON true
    LEFT JOIN LATERAL genai.versions_of_change(
        p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_provider,
        p_service, t.delta_usd, p_new_share) v ON true
$$;

-- The first rule that holds. A deploy needs, beside its share in the change of the cost per request, that this change is
-- `p_min_change` of what the requests would have cost: else any version that is new on the day of a rush of requests would
-- explain the rush. It is named on a falling evening, too, for it is judged by the cost per request alone.
CREATE FUNCTION genai.spike_class(
    e jsonb, p_cost numeric, p_delta numeric, p_min_calls numeric, p_min_change numeric, p_unpriced_share numeric,
    p_unpriced_growth numeric, p_share numeric, p_error_share numeric, p_error_growth numeric, p_identity_growth numeric
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN f.baseline_calls = 0 AND f.data_from >= f.baseline_to
            OR f.data_from > f.baseline_from + (f.baseline_to - f.baseline_from) / 2 THEN 'no_baseline'
        WHEN least(f.calls, f.baseline_calls) < p_min_calls THEN 'too_little_data'
        WHEN f.unpriced > p_unpriced_share AND f.unpriced >= p_unpriced_growth * f.baseline_unpriced THEN 'unknown_model'
        WHEN f.attempts / nullif(p_delta, 0) >= p_share AND abs(f.attempts) >= p_min_change * (p_cost - p_delta)
            OR f.attempts / nullif(f.unit, 0) >= p_share AND abs(f.unit) > abs(f.more)
                AND abs(f.attempts) >= p_min_change * (p_cost - f.attempts) THEN 'retry_storm'
        WHEN NOT f.requests_moved AND NOT f.unit_moved AND e ->> 'spend_driver' IS NULL THEN 'steady'
        WHEN (e -> 'added_calls_by' ->> 'share')::numeric >= p_share AND f.errors >= p_error_share
            AND f.errors >= p_error_growth * f.baseline_errors THEN 'abuse'
        WHEN (e -> 'cost_by' ->> 'share')::numeric >= p_share AND (e -> 'cost_by' ->> 'cost_share')::numeric
            >= p_identity_growth * coalesce((e -> 'cost_by' ->> 'baseline_cost_share')::numeric, 0)
            THEN 'identity_concentration'
        WHEN f.unit_moved AND (e -> 'deploy' ->> 'share')::numeric >= p_share
            AND abs(f.deployed) >= p_min_change * (p_cost - f.deployed) THEN 'deploy'
        WHEN f.unit_moved AND (abs(f.unit) > abs(f.more) OR NOT f.requests_moved) AND l.usd > p_share * abs(f.unit) THEN l.class
        WHEN f.requests_moved AND abs(f.more) >= p_share * abs(p_delta) AND (e ->> 'moved_alike')::boolean THEN 'moved_alike'
        WHEN (f.requests_moved OR e ->> 'spend_driver' IS NOT NULL) AND abs(f.more) >= p_share * abs(p_delta) THEN 'volume'
        ELSE 'unclear' END
    FROM (
        SELECT (e ->> 'calls')::numeric AS calls, (e ->> 'baseline_calls')::numeric AS baseline_calls,
            (e ->> 'data_from')::timestamptz AS data_from, (e ->> 'baseline_from')::timestamptz AS baseline_from,
            (e ->> 'baseline_to')::timestamptz AS baseline_to, coalesce((e ->> 'unpriced_share')::numeric, 0) AS unpriced,
            (e ->> 'baseline_unpriced_share')::numeric AS baseline_unpriced, (e ->> 'attempts_usd')::numeric AS attempts,
            (e ->> 'unit_usd')::numeric AS unit, (e ->> 'more_usd')::numeric AS more,
            (e ->> 'requests_moved')::boolean AS requests_moved, (e ->> 'unit_moved')::boolean AS unit_moved,
            (e ->> 'error_share')::numeric AS errors, (e ->> 'baseline_error_share')::numeric AS baseline_errors,
            (e -> 'deploy' ->> 'part')::numeric AS deployed
    ) f
    CROSS JOIN LATERAL (
        SELECT v.class, v.usd * sign(f.unit) AS usd
        FROM (VALUES ('token', (e ->> 'tokens_usd')::numeric), ('price', (e ->> 'price_usd')::numeric),
            ('model_mix', (e ->> 'mix_usd')::numeric)) v (class, usd)
        ORDER BY v.usd * sign(f.unit) DESC
        LIMIT 1
    ) l
$$;

-- The measure that a class is about, whose drivers are told with it.
CREATE FUNCTION genai.measure_of(p_class text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_class IN ('deploy', 'token', 'price', 'retry_storm') THEN 'cost_per_request'
        ELSE 'spend' END
$$;

-- One row: the class, whose it is, two sentences, and the numbers that decided; thresholds are parameters.
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
    WITH fact AS MATERIALIZED (
        SELECT e.* FROM genai.spike_evidence(
            p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model,
            p_provider, p_service, p_min_calls, p_min_change, p_share, p_identity_growth, p_new_share) e
    ), decided AS MATERIALIZED (
        SELECT f.*, genai.spike_class(
            f.evidence, f.cost_usd, f.delta_usd, p_min_calls, p_min_change, p_unpriced_share, p_unpriced_growth, p_share,
            p_error_share, p_error_growth, p_identity_growth) AS class
        FROM fact f
    ), named AS MATERIALIZED (
        SELECT d.*, CASE d.class
            WHEN 'unknown_model' THEN d.evidence ->> 'unpriced_model'
            WHEN 'abuse' THEN d.evidence -> 'added_calls_by' ->> 'value'
            WHEN 'identity_concentration' THEN d.evidence -> 'cost_by' ->> 'value'
            WHEN 'deploy' THEN d.evidence -> 'deploy' ->> 'prompt_version'
            WHEN 'model_mix' THEN d.evidence -> 'model' ->> 'model'
            END AS subject
        FROM decided d
    )
    SELECT n.class, n.subject, genai.spike_sentence(n.class, n.subject, n.evidence), n.evidence, n.cost_usd,
        n.baseline_cost_usd, n.delta_usd
    FROM named n
$$;
