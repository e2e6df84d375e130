-- The dearest endpoints, or prompt versions with their endpoint, beside their baseline; shares are of all spend.
SELECT s.endpoint, s.prompt_version, s.k1 * 1e-12 AS cost_usd, s.k0 * 1e-12 AS baseline_cost_usd,
    (s.k1 - s.k0) * 1e-12 AS delta_usd, (s.k1 / nullif(sum(s.k1) OVER (), 0))::float8 AS cost_share,
    (s.k1 / nullif(max(s.k1) OVER (), 0))::float8 AS of_dearest, s.c1::bigint AS calls, s.at_least,
    round(s.k1 * 1e-12 / nullif(s.judged_by, 0), 12) AS cost_per_request_usd
FROM (
    SELECT u.endpoint_tag AS endpoint, CASE WHEN %(by_version)s THEN u.prompt_version END AS prompt_version,
        sum(u.cost_pico_usd * u.side) AS k1, sum(u.cost_pico_usd * (1 - u.side)) AS k0, sum(u.calls * u.side) AS c1,
        genai.at_least(sum(u.unpriced_calls * u.side), sum(u.uncertain_calls * u.side), 0) AS at_least,
        sum(CASE WHEN genai.judged_per_call('endpoint', %(model)s, %(provider)s) THEN u.calls ELSE u.requests END
            * u.side) AS judged_by
    FROM genai.usage_of_both(
        %(start)s, %(end)s, %(baseline)s, %(environment)s, %(data_mode)s, 'endpoint', %(endpoint)s, %(prompt_version)s,
        %(user)s, %(tenant)s, %(model)s, %(provider)s, %(service)s) u
    GROUP BY 1, 2
) s
WHERE s.c1 > 0
ORDER BY s.k1 DESC, s.c1 DESC, s.endpoint, s.prompt_version
LIMIT %(limit)s
