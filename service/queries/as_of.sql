-- as_of: calls and cost by provider and model of whole days, as they were believed at a moment.
SELECT a.provider AS within, a.model AS name, sum(a.calls)::bigint AS calls, sum(a.cost_pico_usd)::bigint AS cost_pico_usd,
    bool_and(a.is_known) AS is_known, bool_or(a.is_closed) AS is_closed
FROM genai.as_of(%(moment)s, %(from)s, %(to)s) a
WHERE (%(environment)s = '*' OR a.environment = %(environment)s) AND (%(data_mode)s = '*' OR a.data_mode = %(data_mode)s)
GROUP BY a.provider, a.model
ORDER BY sum(a.cost_pico_usd) DESC, sum(a.calls) DESC, a.provider, a.model
