-- Spend by dimension: every figure is one of `genai.usage_of`.

-- folded_notice --
-- A sentence where calls of the environment are counted under __other__.
SELECT genai.folded_notice(%(from)s, %(to)s, %(environment)s, %(data_mode)s) AS notice


-- month --
-- Spend of a month (side 1) and of the month before up to the same moment of it (side 0), by one dimension or two.
SELECT u.segment,
    genai.value_of(%(first)s, u.endpoint_tag, u.prompt_version, u.user_id, u.tenant_id, u.model, u.provider,
        u.service_name) AS first,
    genai.value_of(%(second)s, u.endpoint_tag, u.prompt_version, u.user_id, u.tenant_id, u.model, u.provider,
        u.service_name) AS second,
    sum(u.cost_pico_usd * u.side)::numeric AS cost_pico_usd,
    sum(u.cost_pico_usd * (1 - u.side))::numeric AS before_pico_usd, sum(u.calls * u.side)::bigint AS calls,
    sum(u.calls * (1 - u.side))::bigint AS before_calls,
    sum(u.unpriced_calls * u.side)::bigint AS unpriced_calls,
    sum(u.uncertain_calls * u.side)::bigint AS uncertain_calls,
    genai.at_least(sum(u.unpriced_calls * (1 - u.side)), sum(u.uncertain_calls * (1 - u.side)), 0) AS before_at_least
FROM genai.usage_of_both(
    %(from)s, %(to)s, %(baseline)s, %(environment)s, %(data_mode)s, %(dimension)s, %(endpoint)s, %(prompt_version)s,
    %(user)s, %(tenant)s, %(model)s, %(provider)s, %(service)s) u
GROUP BY 1, 2, 3
ORDER BY 4 DESC, 6 DESC, 2, 3


-- month_history --
-- Spend of each of the last twelve months with data, and whether it holds more than is known.
SELECT h.month, h.cost_usd, h.calls,
    genai.at_least(s.unpriced, s.uncertain, genai.unread_spans(m.begun, m.until, %(environment)s, %(data_mode)s)) AS at_least
FROM genai.month_history(%(now)s, %(environment)s, %(data_mode)s) h
CROSS JOIN LATERAL (
    SELECT to_timestamp(h.from_ms / 1000.0) AS begun, to_timestamp(h.until_ms / 1000.0) AS until
) m
CROSS JOIN LATERAL (
    SELECT sum(u.unpriced_calls) AS unpriced, sum(u.uncertain_calls) AS uncertain
    FROM genai.sums_of(m.begun, m.until, NULL, %(environment)s, %(data_mode)s, '', NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, 'series') u
) s
WHERE h.calls IS NOT NULL


-- month_invoice --
-- What providers bill of a month: real and test calls of all environments.
SELECT coalesce(sum(u.cost_pico_usd), 0)::numeric AS cost_pico_usd,
    coalesce(sum(u.unpriced_calls) + sum(u.uncertain_calls), 0) > 0 AS at_least
FROM genai.sums_of(%(from)s, %(to)s, NULL, '*', '*', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'series') u
WHERE genai.is_billed(u.environment, u.data_mode)


-- month_projection --
-- Where the running month would end at the mean of its last seven full days; NULL before there is one.
SELECT s.projected_usd
FROM genai.month_state(%(now)s, %(environment)s, %(data_mode)s) s


-- top --
-- Spend of an exact window by one dimension or two, most expensive first, with the labels of users and tenants. A model
-- comes with its family, and what became of the family's calls beside the same other value.
SELECT m.*, a.label AS first_label, b.label AS second_label,
    sum(m.calls) OVER of_family::bigint AS family_calls, sum(m.successes) OVER of_family::bigint AS family_successes
FROM (
    SELECT genai.value_of(%(first)s, u.endpoint_tag, u.prompt_version, u.user_id, u.tenant_id, u.model, u.provider,
            u.service_name) AS first,
        genai.value_of(%(second)s, u.endpoint_tag, u.prompt_version, u.user_id, u.tenant_id, u.model, u.provider,
            u.service_name) AS second,
        u.segment,
        CASE WHEN genai.splits_by(%(dimension)s, '{model}') THEN genai.model_family(u.model) END AS family,
        sum(u.calls)::bigint AS calls, sum(u.requests)::bigint AS requests, sum(u.successes)::bigint AS successes,
        sum(u.errors)::bigint AS errors, sum(u.input_tokens)::bigint AS input_tokens,
        sum(u.output_tokens)::bigint AS output_tokens, sum(u.cost_pico_usd)::numeric AS cost_pico_usd,
        sum(u.unpriced_calls)::bigint AS unpriced_calls, sum(u.uncertain_calls)::bigint AS uncertain_calls
    FROM genai.usage_of(
        %(from)s, %(to)s, %(environment)s, %(data_mode)s, %(dimension)s, %(endpoint)s, %(prompt_version)s, %(user)s,
        %(tenant)s, %(model)s, %(provider)s, %(service)s) u
    GROUP BY 1, 2, 3, 4
) m
LEFT JOIN genai.identity_label a ON a.kind = %(first)s AND a.value = m.first
LEFT JOIN genai.identity_label b ON b.kind = %(second)s AND b.value = m.second
WINDOW of_family AS (PARTITION BY CASE %(first)s WHEN 'model' THEN m.second ELSE m.first END, m.family)
ORDER BY m.cost_pico_usd DESC, m.calls DESC, m.first, m.second


-- trend --
-- Spend of every segment over the window, in steps that suit it.
SELECT u.segment, u.time, u.cost_pico_usd
FROM genai.usage_by_step(
    %(from)s, %(to)s, genai.panel_step(%(from)s, %(to)s), %(environment)s, %(data_mode)s, %(dimension)s, %(endpoint)s,
    %(prompt_version)s, %(user)s, %(tenant)s, %(model)s, %(service)s, %(provider)s) u


-- unread_spans --
-- Spans of the window with usage that no rule reads: they make its totals lower bounds.
SELECT genai.unread_spans(%(from)s, %(to)s, %(environment)s, %(data_mode)s, %(service)s) AS unread_spans


-- used --
-- The window that is answered.
SELECT r.from_used, r.to_used
FROM genai.window_ranges(%(from)s, %(to)s, genai.window_source(
    %(dimension)s, %(endpoint)s, %(prompt_version)s, %(user)s, %(tenant)s, %(service)s)) r
