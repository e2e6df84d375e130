-- What a window cost, and what that sum does not hold.
SELECT coalesce(sum(u.cost_pico_usd), 0) * 1e-12 AS cost_usd, coalesce(sum(u.calls), 0)::bigint AS calls,
    coalesce(sum(u.requests), 0)::bigint AS requests,
    genai.at_least(sum(u.unpriced_calls), sum(u.uncertain_calls), genai.unread_spans(
        %(start)s, %(end)s, %(environment)s, %(data_mode)s, %(service)s)) AS at_least
FROM genai.usage_of(
    %(start)s, %(end)s, %(environment)s, %(data_mode)s, 'endpoint', %(endpoint)s, %(prompt_version)s, %(user)s,
    %(tenant)s, %(model)s, %(provider)s, %(service)s) u
