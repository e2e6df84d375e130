-- day: what was counted from a moment on, by environment and data mode, from the sums by minute; and what was not read.
SELECT environment, data_mode, coalesce(calls, 0) AS calls, coalesce(requests, 0) AS requests,
       coalesce(errors, 0) AS errors, coalesce(cost_pico_usd, 0) AS cost_pico_usd,
       coalesce(unpriced_calls, 0) AS unpriced_calls, coalesce(uncertain_calls, 0) AS uncertain_calls,
       coalesce(unread_spans, 0) AS unread_spans,
       genai.at_least(unpriced_calls, uncertain_calls, unread_spans) AS at_least
FROM (
    SELECT environment, data_mode, sum(calls)::bigint AS calls, sum(requests)::bigint AS requests,
           sum(errors)::bigint AS errors, sum(cost_pico_usd)::numeric AS cost_pico_usd,
           sum(unpriced_calls)::bigint AS unpriced_calls, sum(uncertain_calls)::bigint AS uncertain_calls
    FROM genai.usage_minute
    WHERE bucket >= %(from)s
    GROUP BY environment, data_mode
) AS counted
FULL JOIN (
    SELECT environment, data_mode, sum(spans)::bigint AS unread_spans
    FROM genai.unread
    WHERE bucket >= %(from)s
    GROUP BY environment, data_mode
) AS unread USING (environment, data_mode)
ORDER BY cost_pico_usd DESC, environment, data_mode
