-- A change in a person's words (LEDGER §25): two questions, each with its sentence. It decides nothing.

-- Money in a sentence: cents, or six places where cents would say nothing.
CREATE FUNCTION genai.usd_text(p_usd numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_usd < 0 THEN '-$' ELSE '$' END || CASE
        WHEN abs(p_usd) >= 1 OR p_usd = 0 THEN to_char(abs(p_usd), 'FM999,999,999,990.00')
        ELSE to_char(abs(p_usd), 'FM0.000000') END
$$;

CREATE FUNCTION genai.percent_text(p_ratio numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(to_char(p_ratio * 100, 'FM999,999,990') || '%', 'none')
$$;

CREATE FUNCTION genai.count_text(p_count numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_char(p_count, 'FM999,999,999,999,990')
$$;

-- A cost of a request: cents, or two digits that say something.
CREATE FUNCTION genai.unit_text(p_usd numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_usd = 0 THEN '$0.00' WHEN abs(p_usd) >= 1 THEN genai.usd_text(p_usd)
        ELSE '$' || trim_scale(round(p_usd, 1 - floor(log(abs(p_usd)))::integer))::text END
$$;

-- A sum of money with its cents, or as a small one.
CREATE FUNCTION genai.sum_text(p_usd numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN abs(p_usd) >= 0.01 THEN '$' || to_char(abs(p_usd), 'FM999,999,999,990.00') ELSE genai.unit_text(abs(p_usd)) END
$$;

-- `1 November`, `1 November, 14:00 UTC`; with its year where that is not the year of the moment beside it.
CREATE FUNCTION genai.moment_text(p_utc timestamp, p_beside timestamp) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_char(p_utc, 'FMDD FMMonth') || CASE WHEN date_trunc('year', p_utc) = date_trunc('year', p_beside) THEN ''
        ELSE to_char(p_utc, ' YYYY') END || CASE WHEN p_utc = date_trunc('day', p_utc) THEN '' ELSE to_char(p_utc, ', HH24:MI" UTC"') END
$$;

-- `twice as much`, `2.4 times as much`, `40% more`, `half as much`, `30% less`.
CREATE FUNCTION genai.factor_text(p_ratio numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_ratio BETWEEN 1.9 AND 2.1 THEN 'twice as much'
        WHEN p_ratio >= 1.9 THEN to_char(p_ratio, 'FM999,990.0') || ' times as much'
        WHEN p_ratio >= 1 THEN genai.percent_text(p_ratio - 1) || ' more'
        WHEN p_ratio BETWEEN 0.48 AND 0.52 THEN 'half as much'
        ELSE genai.percent_text(1 - p_ratio) || ' less' END
$$;

-- What the first driver of the cost per request does: from its row in the evidence; NULL where it has no past to be set against.
CREATE FUNCTION genai.unit_reason(p_driver jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE t.term
        WHEN 'attempts' THEN 'makes ' || to_char(v.calls, 'FM990.00') || ' calls for a request instead of '
            || to_char(v.calls_before, 'FM990.00')
        WHEN 'mix' THEN 'is answered by ' || CASE WHEN t.usd > 0 THEN 'more expensive' ELSE 'cheaper' END || ' models'
        WHEN 'price' THEN 'pays another price for the same tokens'
        WHEN 'output' THEN 'writes ' || genai.factor_text(v.written)
        WHEN 'input' THEN 'reads ' || genai.factor_text(v.read)
        ELSE CASE WHEN v.unit > 0 THEN 'costs ' || genai.factor_text(v.unit) || ' a request' END END
    FROM (
        SELECT (p_driver ->> 'calls')::numeric / nullif((p_driver ->> 'requests')::numeric, 0) AS calls,
            (p_driver ->> 'baseline_calls')::numeric / nullif((p_driver ->> 'baseline_requests')::numeric, 0) AS calls_before,
            (p_driver ->> 'output_tokens_per_call')::numeric
                / nullif((p_driver ->> 'baseline_output_tokens_per_call')::numeric, 0) AS written,
            (p_driver ->> 'input_tokens_per_call')::numeric
                / nullif((p_driver ->> 'baseline_input_tokens_per_call')::numeric, 0) AS read,
            (p_driver ->> 'cost_per_request_usd')::numeric
                / nullif((p_driver ->> 'baseline_cost_per_request_usd')::numeric, 0) AS unit
    ) v
    LEFT JOIN LATERAL (
        SELECT x.term, x.usd
        FROM (VALUES ('attempts', (p_driver ->> 'attempts_usd')::numeric, v.calls_before IS NOT NULL),
            ('mix', (p_driver ->> 'mix_usd')::numeric, true), ('price', (p_driver ->> 'price_usd')::numeric, true),
            ('output', (p_driver ->> 'output_tokens_usd')::numeric, (v.written - 1) * sign(v.unit - 1) > 0),
            ('input', (p_driver ->> 'input_tokens_usd')::numeric, (v.read - 1) * sign(v.unit - 1) > 0)) x (term, usd, is_known)
        WHERE x.is_known AND x.usd * sign(v.unit - 1) > 0
        ORDER BY x.usd * sign(v.unit - 1) DESC LIMIT 1
    ) t ON true
$$;

-- What a new version does: what its requests write or read, or both, where that explains their cost; else NULL.
CREATE FUNCTION genai.deploy_reason(p_deploy jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (p_deploy ->> 'prompt_version') || CASE
        WHEN abs(ln(v.written)) >= 2 * abs(ln(v.read)) AND (v.written - 1) * sign(v.unit - 1) >= abs(v.unit - 1)
            THEN ' writes ' || genai.factor_text(v.written)
        WHEN abs(ln(v.read)) >= 2 * abs(ln(v.written)) AND (v.read - 1) * sign(v.unit - 1) >= abs(v.unit - 1)
            THEN ' reads ' || genai.factor_text(v.read)
        WHEN least((v.read - 1) * sign(v.unit - 1), (v.written - 1) * sign(v.unit - 1)) >= 0.5 * abs(v.unit - 1)
            THEN ' reads ' || CASE WHEN genai.factor_text(v.read) = genai.factor_text(v.written) THEN ''
                ELSE genai.factor_text(v.read) || ' ' END || 'and writes ' || genai.factor_text(v.written) END
    FROM (
        SELECT nullif((p_deploy ->> 'written')::numeric, 0) AS written, nullif((p_deploy ->> 'read')::numeric, 0) AS read,
            (p_deploy ->> 'new_unit_usd')::numeric / nullif((p_deploy ->> 'unit_usd')::numeric, 0) AS unit
    ) v
$$;

-- How many: `Requests fell 53% (464 → 217), saving $1.67.`; '' where there were none before.
CREATE FUNCTION genai.volume_sentence(p_class text, e jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN v.n0 = 0 THEN ''
        WHEN NOT (e ->> 'requests_moved')::boolean THEN CASE
            WHEN abs(v.n1 - v.n0) <= 0.1 * v.n0 THEN v.noun || ' barely changed ('
            ELSE v.noun || CASE WHEN v.n1 > v.n0 THEN ' rose ' ELSE ' fell ' END || genai.percent_text(abs(v.n1 / v.n0 - 1)) || ' ('
            END || genai.count_text(v.n0) || ' → ' || genai.count_text(v.n1) || ')'
            || CASE WHEN p_class = 'steady' AND abs(v.n1 - v.n0) > 0.1 * v.n0 THEN ', within the noise of so few' ELSE '' END || '.'
        ELSE v.noun || CASE WHEN v.n1 > v.n0 THEN ' rose ' ELSE ' fell ' END
            || CASE WHEN v.n1 >= 3 * v.n0 THEN 'to ' || to_char(v.n1 / v.n0, 'FM999,990.0') || ' times as many'
                ELSE genai.percent_text(abs(v.n1 / v.n0 - 1)) END
            || ' (' || genai.count_text(v.n0) || ' → ' || genai.count_text(v.n1) || ')'
            -- Where the added requests have no price, money may go the other way: then it is not told of them.
            || CASE WHEN v.usd * (v.n1 - v.n0) <= 0 THEN '' ELSE CASE WHEN v.usd < 0 THEN ', saving ' ELSE ', adding ' END
                || genai.sum_text(v.usd) END
            || CASE WHEN e -> 'spend_driver' ->> 'name' IS NOT NULL AND (e -> 'spend_driver' ->> 'top_term') IN ('volume', 'new', 'gone')
                AND sign((e -> 'spend_driver' ->> 'excess_usd')::numeric) = sign(v.usd)
                THEN ', most of it from ' || (e -> 'spend_driver' ->> 'name') || ' ('
                    || genai.count_text((e -> 'spend_driver' ->> 'baseline_requests')::numeric) || ' → '
                    || genai.count_text((e -> 'spend_driver' ->> 'requests')::numeric) || ')'
                WHEN (e ->> 'moved_alike')::boolean AND NOT (e ->> 'unit_moved')::boolean THEN '; everything moved alike, × '
                    || to_char((e ->> 'drift_ratio')::numeric, 'FM999,990.00')
                ELSE '' END || '.' END
    FROM (
        SELECT (e ->> 'requests')::numeric AS n1, (e ->> 'baseline_requests')::numeric AS n0,
            (e ->> 'more_usd')::numeric AS usd, CASE WHEN (e ->> 'per_call')::boolean THEN 'Calls' ELSE 'Requests' END AS noun
    ) v
$$;

-- What the requests of a new version cost more than at its endpoint's cost before.
CREATE FUNCTION genai.deploy_excess(p_deploy jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(((p_deploy ->> 'new_unit_usd')::numeric - (p_deploy ->> 'unit_usd')::numeric) * (p_deploy ->> 'n1')::numeric, 12)
$$;

-- Whether a new version moved the cost of its requests beyond three standard errors (`confidence_of`), and is a quarter of the
-- change: told beside a larger cause that hides it in the whole.
CREATE FUNCTION genai.is_sure_deploy(p_deploy jsonb, p_unit_usd numeric) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((p_deploy ->> 'n1')::numeric >= 50 AND (p_deploy ->> 'unit_usd')::numeric > 0
        AND (p_deploy ->> 'new_unit_usd')::numeric > 0
        AND abs(ln((p_deploy ->> 'new_unit_usd')::numeric / (p_deploy ->> 'unit_usd')::numeric))
            >= 3 / sqrt((p_deploy ->> 'n1')::numeric)
        AND abs(genai.deploy_excess(p_deploy)) >= 0.25 * abs(p_unit_usd), false)
$$;

-- Whether a new version is at least half of what requests cost more or less, where that is too little to have a driver.
CREATE FUNCTION genai.is_small_deploy(e jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(genai.is_sure_deploy(e -> 'deploy', (e ->> 'unit_usd')::numeric) AND genai.deploy_reason(e -> 'deploy') IS NOT NULL
        AND genai.deploy_excess(e -> 'deploy') * sign((e ->> 'unit_usd')::numeric) >= 0.5 * abs((e ->> 'unit_usd')::numeric), false)
$$;

-- What the dollars of `unit_usd` are of the cost of the same requests at each endpoint's cost before: 1.02. It differs from the ratio of
-- the two costs of a request where other endpoints were asked; NULL where calls without a price would distort it.
CREATE FUNCTION genai.same_mix_ratio(e jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN (e ->> 'unpriced_share')::numeric = 0 AND (e ->> 'baseline_unpriced_share')::numeric = 0 THEN v.cost / nullif(v.cost - v.usd, 0) END
    FROM (
        SELECT (e ->> 'cost_per_request_usd')::numeric * (e ->> 'requests')::numeric AS cost, (e ->> 'unit_usd')::numeric AS usd
    ) v
$$;

-- A cost of a request that moved too little to be a cause, so that it agrees with the dollars beside it: below half of a percent it
-- is within 1% of what it was; and where the endpoints that were asked hide or make the change, that is said.
CREATE FUNCTION genai.small_unit_sentence(p_noun text, e jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ' Each ' || p_noun || ' costs ' || CASE WHEN x.is_still THEN CASE
                WHEN abs(v.u1 - v.u0) < 0.0005 * v.u0 OR v.u1 = v.u0 THEN 'what it did' ELSE 'within 1% of what it did' END
            WHEN v.u0 = 0 THEN 'more' ELSE genai.factor_text(v.u1 / v.u0) END
        || ' (' || genai.unit_text(v.u0)
        || CASE WHEN genai.unit_text(v.u0) <> genai.unit_text(v.u1) THEN ' → ' || genai.unit_text(v.u1) ELSE '' END || ')'
        || CASE WHEN abs(v.like_ratio - 1) >= 0.005 AND (x.is_still OR (v.like_ratio - 1) * (v.u1 - v.u0) < 0)
                THEN '; at the same mix of endpoints ' || genai.factor_text(v.like_ratio)
                    || CASE WHEN genai.is_small_deploy(e) THEN ', because ' || genai.deploy_reason(e -> 'deploy') ELSE '' END
            WHEN x.is_still THEN ''
            WHEN abs(v.like_ratio - 1) < 0.25 * abs(v.u1 / nullif(v.u0, 0) - 1) THEN ', because more of them are of '
                || CASE WHEN v.u1 > v.u0 THEN 'more expensive' ELSE 'cheaper' END || ' endpoints'
            WHEN genai.is_small_deploy(e) THEN ', because ' || genai.deploy_reason(e -> 'deploy')
            WHEN abs(v.u1 / nullif(v.u0, 0) - 1) >= 0.03 THEN ', within the noise of single ' || p_noun || 's'
            ELSE ', too little to name a cause' END || '.'
    FROM (
        SELECT (e ->> 'cost_per_request_usd')::numeric AS u1, (e ->> 'baseline_cost_per_request_usd')::numeric AS u0,
            genai.same_mix_ratio(e) AS like_ratio
    ) v
    CROSS JOIN LATERAL (SELECT abs(v.u1 - v.u0) < 0.005 * v.u0 OR v.u1 = v.u0 AS is_still) x
$$;

-- How much each: `Each request costs 21% more ($0.0061 → $0.0074), because answer_v8 writes twice as much.`
CREATE FUNCTION genai.unit_sentence(p_class text, e jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN v.u0 IS NULL OR v.u1 IS NULL OR p_class = 'unknown_model' THEN ''
        WHEN NOT (e ->> 'unit_moved')::boolean THEN genai.small_unit_sentence(v.noun, e)
        ELSE ' Each ' || v.noun || ' costs ' || CASE WHEN v.u0 = 0 THEN 'more' ELSE genai.factor_text(v.u1 / v.u0) END
            || ' (' || genai.unit_text(v.u0) || ' → ' || genai.unit_text(v.u1) || ')' || coalesce(', because ' || CASE
            WHEN p_class = 'retry_storm' AND (v.u1 - v.u0) * ((e ->> 'attempts_per_success')::numeric
                - (e ->> 'baseline_attempts_per_success')::numeric) > 0 THEN 'calls for one success went from '
                || coalesce(to_char((e ->> 'baseline_attempts_per_success')::numeric, 'FM9990.00'), 'none') || ' to '
                || coalesce(to_char((e ->> 'attempts_per_success')::numeric, 'FM9990.00'), 'none')
            WHEN p_class = 'deploy' THEN coalesce(
                genai.deploy_reason(e -> 'deploy'),
                CASE WHEN e -> 'unit_driver' ->> 'prompt_version' = e -> 'deploy' ->> 'prompt_version'
                    AND (e -> 'unit_driver' ->> 'share_of_change')::numeric > 0
                    AND coalesce(e -> 'unit_driver' ->> 'tenant', e -> 'unit_driver' ->> 'user') IS NULL
                    THEN (e -> 'deploy' ->> 'prompt_version') || ' ' || genai.unit_reason(e -> 'unit_driver') END,
                'the new version ' || (e -> 'deploy' ->> 'prompt_version') || ' of ' || (e -> 'deploy' ->> 'endpoint_tag')
                || ' costs ' || genai.unit_text((e -> 'deploy' ->> 'new_unit_usd')::numeric) || ' instead of '
                || genai.unit_text((e -> 'deploy' ->> 'unit_usd')::numeric))
            WHEN p_class = 'model_mix' THEN 'calls moved to ' || (e -> 'model' ->> 'model') || ' ('
                || genai.count_text((e -> 'model' ->> 'c0')::numeric) || ' → '
                || genai.count_text((e -> 'model' ->> 'c1')::numeric) || ' calls)'
            WHEN p_class = 'price' THEN 'the same tokens cost ' || genai.sum_text((e ->> 'price_usd')::numeric)
                || CASE WHEN (e ->> 'price_usd')::numeric > 0 THEN ' more' ELSE ' less' END
            WHEN (e -> 'unit_driver' ->> 'share_of_change')::numeric >= 0.4
                AND e -> 'unit_driver' ->> 'prompt_version' = e -> 'deploy' ->> 'prompt_version'
                AND genai.deploy_reason(e -> 'deploy') IS NOT NULL THEN genai.deploy_reason(e -> 'deploy')
            WHEN (e -> 'unit_driver' ->> 'share_of_change')::numeric >= 0.4 AND genai.unit_reason(e -> 'unit_driver') IS NOT NULL
                THEN (e -> 'unit_driver' ->> 'name') || ' ' || genai.unit_reason(e -> 'unit_driver')
            WHEN p_class = 'token' AND ((e ->> 'tokens_per_request')::numeric - (e ->> 'baseline_tokens_per_request')::numeric)
                * (v.u1 - v.u0) > 0 THEN 'tokens per ' || v.noun || ' went from '
                || genai.count_text((e ->> 'baseline_tokens_per_request')::numeric) || ' to '
                || genai.count_text((e ->> 'tokens_per_request')::numeric)
            WHEN abs(genai.same_mix_ratio(e) - 1) < 0.25 * abs(v.u1 / nullif(v.u0, 0) - 1) THEN 'more of them are of '
                || CASE WHEN v.u1 > v.u0 THEN 'more expensive' ELSE 'cheaper' END || ' endpoints'
            END, '') || '.' END
    FROM (
        SELECT (e ->> 'cost_per_request_usd')::numeric AS u1, (e ->> 'baseline_cost_per_request_usd')::numeric AS u0,
            CASE WHEN (e ->> 'per_call')::boolean THEN 'call' ELSE 'request' END AS noun
    ) v
$$;

-- More calls of which more fail (`failing_burst` of the evidence), and what multiplies them: attempts, somebody, or no one in
-- particular; '' where there is no such burst, or the sentence of the class says it all.
CREATE FUNCTION genai.burst_sentence(p_class text, e jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_class = 'abuse' OR NOT coalesce((e ->> 'failing_burst')::boolean, false) THEN '' ELSE
        'Calls went from ' || genai.count_text(v.c0) || ' to ' || genai.count_text(v.c1) || ' while errors went from '
        || genai.percent_text((e ->> 'baseline_error_share')::numeric) || ' to ' || genai.percent_text((e ->> 'error_share')::numeric)
        || CASE
            WHEN p_class = 'retry_storm' AND (e ->> 'unit_moved')::boolean THEN ''
            WHEN NOT (e ->> 'per_call')::boolean AND power(v.attempts / v.attempts_before, 2) >= v.c1 / v.c0
                THEN ', because a request makes ' || to_char(v.attempts, 'FM9990.00') || ' calls instead of '
                    || to_char(v.attempts_before, 'FM9990.00')
            WHEN (e -> 'added_calls_by' ->> 'share')::numeric >= 0.5 AND (e -> 'added_calls_by' ->> 'moved')::boolean
                THEN '; ' || (e -> 'added_calls_by' ->> 'kind') || ' ' || (e -> 'added_calls_by' ->> 'value') || ' made '
                    || genai.percent_text((e -> 'added_calls_by' ->> 'share')::numeric) || ' of the added ones'
            ELSE '; no single user or tenant made half of the added ones' END || '. ' END
    FROM (
        SELECT c.c0, c.c1, c.c1 / nullif((e ->> 'requests')::numeric, 0) AS attempts,
            c.c0 / nullif((e ->> 'baseline_requests')::numeric, 0) AS attempts_before
        FROM (SELECT nullif((e ->> 'baseline_calls')::numeric, 0) AS c0, (e ->> 'calls')::numeric AS c1) c
    ) v
$$;

-- How many calls have no price, and whose they are: `100% of the calls have no price (25% before), all of them openai/own: …`
CREATE FUNCTION genai.unpriced_sentence(p_model text, e jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT genai.percent_text((e ->> 'unpriced_share')::numeric) || ' of the calls have no price ('
        || CASE WHEN (e ->> 'baseline_calls')::numeric = 0 THEN 'no calls'
            ELSE genai.percent_text((e ->> 'baseline_unpriced_share')::numeric) END || ' before), '
        || CASE WHEN (e ->> 'unpriced_models')::numeric = 1 THEN 'all' ELSE 'most' END || ' of them ' || p_model
        || ': their cost is in no total' || coalesce(' (about '
            || genai.sum_text(nullif((e ->> 'unpriced_estimate_usd')::numeric, 0)) || ' at the usual cost of a call)', '') || '. '
$$;

-- A class and its evidence as a person would say them.
CREATE FUNCTION genai.spike_sentence(p_class text, p_subject text, e jsonb)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT rtrim(genai.burst_sentence(p_class, e) || CASE p_class
        WHEN 'no_baseline' THEN 'No data before ' || genai.moment_text(
            (e ->> 'data_from')::timestamptz AT TIME ZONE 'UTC', (e ->> 'baseline_to')::timestamptz AT TIME ZONE 'UTC')
            || ': no baseline.'
        WHEN 'too_little_data' THEN 'Too little data ('
            || genai.count_text(least((e ->> 'requests')::numeric, (e ->> 'baseline_requests')::numeric)) || ' of '
            || genai.count_text((e ->> 'needed')::numeric) || ' requests'
            || CASE WHEN (e ->> 'requests')::numeric < (e ->> 'baseline_requests')::numeric THEN '' ELSE ' in the baseline' END
            || '): no cause is named.'
        WHEN 'steady' THEN CASE WHEN (e ->> 'failing_burst')::boolean THEN '' ELSE 'Steady. ' END || genai.volume_sentence(p_class, e) || genai.unit_sentence(p_class, e)
        ELSE CASE p_class
            WHEN 'unknown_model' THEN genai.unpriced_sentence(p_subject, e)
            WHEN 'abuse' THEN initcap(e -> 'added_calls_by' ->> 'kind') || ' ' || p_subject || ' made '
                || genai.percent_text((e -> 'added_calls_by' ->> 'share')::numeric) || ' of the added calls ('
                || genai.count_text((e -> 'added_calls_by' ->> 'c0')::numeric) || ' → '
                || genai.count_text((e -> 'added_calls_by' ->> 'c1')::numeric) || ') while errors went from '
                || genai.percent_text((e ->> 'baseline_error_share')::numeric) || ' to '
                || genai.percent_text((e ->> 'error_share')::numeric) || '. '
            WHEN 'identity_concentration' THEN initcap(e -> 'cost_by' ->> 'kind') || ' ' || p_subject || ' is '
                || genai.percent_text((e -> 'cost_by' ->> 'share')::numeric) || ' of the change and went from '
                || genai.percent_text((e -> 'cost_by' ->> 'baseline_cost_share')::numeric) || ' to '
                || genai.percent_text((e -> 'cost_by' ->> 'cost_share')::numeric) || ' of the cost. '
            ELSE '' END || genai.volume_sentence(p_class, e) || genai.unit_sentence(p_class, e)
    END)
$$;
