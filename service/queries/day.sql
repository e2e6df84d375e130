-- day: what was counted from a moment on, by environment and data mode, from the sums by minute.
SELECT environment, data_mode, sum(calls)::bigint AS calls, sum(requests)::bigint AS requests,
       sum(errors)::bigint AS errors, sum(cost_pico_usd)::numeric AS cost_pico_usd,
       sum(unpriced_calls)::bigint AS unpriced_calls, sum(uncertain_calls)::bigint AS uncertain_calls
FROM genai.usage_minute
WHERE bucket >= %(from)s
GROUP BY environment, data_mode
ORDER BY cost_pico_usd DESC, environment, data_mode
