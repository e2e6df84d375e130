-- What kind of spike a change is (LEDGER §25). Two questions are answered apart: how many (requests) and how much each (the
-- cost per request), each with its own significance; the class is a word for the larger one and its first driver.

-- The figures of a change, whether each question has moved, and the first driver of each.
CREATE FUNCTION genai.figures_of_change(
    t genai.change_total, p_per_call boolean, p_drivers jsonb, p_min_calls numeric, p_min_change numeric
) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object(
            'calls', t.calls, 'baseline_calls', t.baseline_calls, 'requests', t.n1, 'baseline_requests', t.n0,
            'per_call', p_per_call, 'needed', p_min_calls, 'delta_ratio', CASE WHEN genai.is_comparable(t.baseline_calls, t.calls)
                THEN (t.delta_usd / nullif(t.baseline_cost_usd, 0))::float8 END,
            'cost_per_request_usd', f.unit, 'baseline_cost_per_request_usd', f.unit_before,
            'tokens_per_request', (t.tokens / nullif(t.n1, 0))::float8,
            'baseline_tokens_per_request', (t.baseline_tokens / nullif(t.n0, 0))::float8,
            'failing_burst', t.calls > t.baseline_calls AND t.baseline_calls > 0 AND genai.beyond_counts(t.baseline_calls, t.calls)
                AND f.failing >= 0.1,
            'requests_moved', genai.beyond_counts(t.n0, t.n1) AND abs(t.n1 - t.n0) >= 0.03 * t.n0,
            'unit_moved', coalesce(abs(f.ratio - 1) >= p_min_change
                OR abs(f.ratio - 1) >= 0.03 AND (p_drivers -> 'unit_drift' ->> 'strength')::float8 >= 4.5, false)
                OR p_drivers ? 'unit_driver' AND coalesce(abs(f.ratio - 1) >= 0.005, true),
            'moved_alike', NOT p_drivers ? 'spend_driver' AND coalesce(abs((p_drivers -> 'spend_drift' ->> 'drift_ratio')::float8
                / nullif((p_drivers -> 'spend_drift' ->> 'ratio')::float8, 0) - 1) < 0.1, false),
            'drift_ratio', p_drivers -> 'spend_drift' -> 'drift_ratio',
            'spend_driver', p_drivers -> 'spend_driver', 'unit_driver', p_drivers -> 'unit_driver'
        ) || jsonb_build_object(
            'unpriced_share', t.unpriced / nullif(t.calls, 0),
            'baseline_unpriced_share', coalesce(t.baseline_unpriced / nullif(t.baseline_calls, 0), 0),
            'unpriced_estimate_usd', t.estimate_usd, 'unpriced_weight', f.weight, 'baseline_unpriced_weight', f.weight_before,
            'error_share', coalesce(t.errors / nullif(t.successes + t.errors, 0), 0),
            'baseline_error_share', coalesce(t.baseline_errors / nullif(t.baseline_successes + t.baseline_errors, 0), 0),
            'attempts_per_success', (t.calls / nullif(t.successes, 0))::float8,
            'baseline_attempts_per_success', (t.baseline_calls / nullif(t.baseline_successes, 0))::float8,
            'more_usd', t.more_usd, 'unit_usd', t.delta_usd - t.more_usd, 'top_endpoint', t.top_endpoint,
            'attempts_share', (t.terms ->> 'attempts_usd')::numeric / nullif(t.delta_usd, 0))
    FROM (
        SELECT round(t.cost_usd / nullif(t.priced, 0), 12) AS unit,
            round(t.baseline_cost_usd / nullif(t.baseline_priced, 0), 12) AS unit_before,
            (t.cost_usd / nullif(t.priced, 0)) / nullif(t.baseline_cost_usd / nullif(t.baseline_priced, 0), 0) AS ratio,
            coalesce(t.errors / nullif(t.successes + t.errors, 0), 0)
                - coalesce(t.baseline_errors / nullif(t.baseline_successes + t.baseline_errors, 0), 0) AS failing,
            coalesce(t.estimate_usd / nullif(t.estimate_usd + t.cost_usd, 0), 0) AS weight,
            coalesce(t.baseline_estimate_usd / nullif(t.baseline_estimate_usd + t.baseline_cost_usd, 0), 0) AS weight_before
    ) f
$$;

-- One row: the terms, both questions, the first driver of each measure and the other facts; all from one reading of the cells.
-- `requests_moved`: beyond three deviations of the counts (twice a Poisson process's variance) and 3%. `unit_moved`: beyond
-- three deviations of the calls' own costs and 3%, or `p_min_change`, or there is a driver and it shows in whole percent.
CREATE FUNCTION genai.spike_evidence(
    p_from timestamptz, p_to timestamptz, p_baseline text, p_env text, p_data_mode text, p_endpoint text,
    p_prompt_version text, p_user text, p_tenant text, p_model text, p_provider text, p_service text,
    p_min_calls numeric, p_min_change numeric, p_share numeric, p_identity_growth numeric, p_new_share numeric
) RETURNS TABLE (evidence jsonb, cost_usd numeric, baseline_cost_usd numeric, delta_usd numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_cells genai.usage_cell[] := genai.cells_of_change(
        p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_provider,
        p_service);
    v_per_call boolean := genai.judged_per_call('', p_model, p_provider);
    v_judged genai.judged_cell[];
    v_drivers jsonb := '{}';
    v_figures jsonb;
    v_identities jsonb := '{}';
    v_before timestamptz := genai.baseline_from(p_from, p_to, p_baseline);
    v_before_to timestamptz := genai.baseline_to(p_from, p_to, p_baseline);
    t genai.change_total;
BEGIN
    SELECT x.* INTO t FROM genai.total_of_change(v_cells, v_per_call) x;
    IF least(t.calls, t.baseline_calls) >= p_min_calls THEN
        v_judged := ARRAY(SELECT j FROM genai.judged_cells(v_cells) j ORDER BY j.id);
        SELECT jsonb_object_agg(m.name || '_' || d.kind, to_jsonb(d)) INTO v_drivers
        FROM (VALUES ('spend', 'spend'), ('unit', 'cost_per_request')) m (name, measure)
        CROSS JOIN LATERAL genai.drivers_among(v_cells, v_judged, m.measure, 1, true) d;
    END IF;
    v_figures := genai.figures_of_change(t, v_per_call, v_drivers, p_min_calls, p_min_change);
    IF v_figures @> '{"requests_moved": true}' OR v_figures @> '{"unit_moved": true}' OR v_figures @> '{"failing_burst": true}'
        OR v_drivers ? 'spend_driver' THEN
        EXECUTE 'SELECT to_jsonb(i) FROM genai.identities_of_change('
            '$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) i'
        INTO v_identities
        USING p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_provider,
            p_service, t.delta_usd, t.cost_usd, t.baseline_cost_usd, t.calls - t.baseline_calls, p_share, p_identity_growth;
    END IF;
    RETURN QUERY
    SELECT v_figures || t.terms
        || jsonb_build_object('baseline_from', v_before, 'baseline_to', v_before_to,
            'data_from', CASE WHEN NOT genai.has_data_before(p_env, p_data_mode, v_before + (v_before_to - v_before) / 2)
                THEN genai.data_from(p_env, p_data_mode) END,
            'added_calls_by', v_identities -> 'added_calls_by', 'cost_by', v_identities -> 'cost_by', 'deploy', v.deploy,
            'model', v.model, 'unpriced_model', v.unpriced_model, 'unpriced_models', (
                SELECT count(DISTINCT (c.provider, c.model)) FROM unnest(v_cells) c WHERE c.unpriced1 > 0),
            'source', v_cells[1].source),
        t.cost_usd, t.baseline_cost_usd, t.delta_usd
    FROM genai.versions_of_change(v_cells, v_per_call, t.delta_usd, p_new_share) v;
END
$$;

-- The first rule that holds. A deploy needs, beside its share in the change of the cost per request, that this change is
-- `p_min_change` of what the requests would have cost, or that the new version is its first driver: else any version that
-- is new on the day of a rush of requests would explain the rush. It is named on a falling evening, too, for it is judged
-- by the cost per request alone; and by the driver on a day most of which was before it. Too few calls before hide a cause of
-- money, not one of calls: a failing burst on them can be a retry storm or abuse. Where nothing in the window has a cost, the
-- model without a price is the cause, whatever was before: no other cost can be compared.
CREATE FUNCTION genai.spike_class(
    e jsonb, p_cost numeric, p_delta numeric, p_min_calls numeric, p_min_change numeric, p_unpriced_share numeric,
    p_unpriced_growth numeric, p_share numeric, p_error_share numeric, p_error_growth numeric, p_identity_growth numeric
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_cost = 0 AND f.unpriced_share > p_unpriced_share THEN 'unknown_model'
        WHEN f.baseline_calls = 0 AND f.data_from >= f.baseline_to
            OR f.data_from > f.baseline_from + (f.baseline_to - f.baseline_from) / 2 THEN 'no_baseline'
        WHEN f.is_thin AND NOT (f.failing_burst AND f.calls >= p_min_calls) THEN 'too_little_data'
        WHEN NOT f.is_thin AND f.unpriced > p_unpriced_share AND f.unpriced >= p_unpriced_growth * f.baseline_unpriced THEN 'unknown_model'
        WHEN f.attempts / nullif(p_delta, 0) >= p_share AND abs(f.attempts) >= p_min_change * (p_cost - p_delta)
            OR f.attempts / nullif(f.unit, 0) >= p_share AND abs(f.unit) > abs(f.more)
                AND abs(f.attempts) >= p_min_change * (p_cost - f.attempts) THEN 'retry_storm'
        WHEN NOT f.is_thin AND NOT f.requests_moved AND NOT f.unit_moved AND e ->> 'spend_driver' IS NULL THEN 'steady'
        WHEN (e -> 'added_calls_by' ->> 'share')::numeric >= p_share AND (e -> 'added_calls_by' ->> 'moved')::boolean AND f.errors >= p_error_share
            AND f.errors >= p_error_growth * f.baseline_errors THEN 'abuse'
        WHEN f.is_thin THEN 'too_little_data'
        WHEN (e -> 'cost_by' ->> 'moved')::boolean AND (e -> 'cost_by' ->> 'share')::numeric >= p_share
            AND (e -> 'cost_by' ->> 'cost_share')::numeric
            >= p_identity_growth * coalesce((e -> 'cost_by' ->> 'baseline_cost_share')::numeric, 0)
            -- Where the whole hardly changed, anybody is half of the change.
            AND greatest((e -> 'cost_by' ->> 'cost_share')::numeric, (e -> 'cost_by' ->> 'baseline_cost_share')::numeric)
                >= p_min_change THEN 'identity_concentration'
        WHEN f.unit_moved AND (e -> 'deploy' ->> 'share')::numeric >= p_share
            AND (abs(f.deployed) >= p_min_change * (p_cost - f.deployed) OR e -> 'unit_driver' ->> 'endpoint'
                = e -> 'deploy' ->> 'endpoint_tag' AND e -> 'unit_driver' ->> 'prompt_version'
                = e -> 'deploy' ->> 'prompt_version') THEN 'deploy'
        WHEN f.unit_moved AND (abs(f.unit) > abs(f.more) OR NOT f.requests_moved) AND l.usd > p_share * abs(f.unit) THEN l.class
        WHEN f.requests_moved AND abs(f.more) >= p_share * abs(p_delta) AND (e ->> 'moved_alike')::boolean THEN 'moved_alike'
        WHEN (f.requests_moved OR e ->> 'spend_driver' IS NOT NULL) AND abs(f.more) >= p_share * abs(p_delta) THEN 'volume'
        ELSE 'unclear' END
    FROM (
        SELECT (e ->> 'calls')::numeric AS calls, (e ->> 'baseline_calls')::numeric AS baseline_calls,
            (e ->> 'data_from')::timestamptz AS data_from, (e ->> 'baseline_from')::timestamptz AS baseline_from,
            (e ->> 'baseline_to')::timestamptz AS baseline_to, coalesce((e ->> 'unpriced_weight')::numeric, 0) AS unpriced,
            (e ->> 'baseline_unpriced_weight')::numeric AS baseline_unpriced, (e ->> 'unpriced_share')::numeric AS unpriced_share, (e ->> 'attempts_usd')::numeric AS attempts,
            (e ->> 'unit_usd')::numeric AS unit, (e ->> 'more_usd')::numeric AS more,
            (e ->> 'requests_moved')::boolean AS requests_moved, (e ->> 'unit_moved')::boolean AS unit_moved,
            (e ->> 'failing_burst')::boolean AS failing_burst,
            least((e ->> 'calls')::numeric, (e ->> 'baseline_calls')::numeric) < p_min_calls AS is_thin,
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

-- What a class names, in the dimensions of a link: the identity, the model without a price, the new version of its endpoint;
-- NULL where it names nothing of the kind.
CREATE FUNCTION genai.subject_focus(p_class text, p_subject text, e jsonb)
RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE p_class
        WHEN 'abuse' THEN jsonb_build_object(e -> 'added_calls_by' ->> 'kind', p_subject)
        WHEN 'identity_concentration' THEN jsonb_build_object(e -> 'cost_by' ->> 'kind', p_subject)
        WHEN 'unknown_model' THEN jsonb_build_object('model', substr(p_subject, strpos(p_subject, '/') + 1))
        WHEN 'deploy' THEN jsonb_build_object('endpoint', e -> 'deploy' ->> 'endpoint_tag', 'prompt_version', p_subject) END
$$;

-- One row: the class, whose it is, two sentences, and the numbers that decided, with what the class names as `focus`;
-- thresholds are parameters.
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
    SELECT n.class, n.subject, genai.spike_sentence(n.class, n.subject, n.evidence),
        n.evidence || jsonb_build_object('focus', genai.subject_focus(n.class, n.subject, n.evidence)), n.cost_usd,
        n.baseline_cost_usd, n.delta_usd
    FROM named n
$$;
