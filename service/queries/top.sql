-- top: spend of an exact window by endpoint, prompt version (with its endpoint) or model (with its provider).
SELECT CASE %(dimension)s WHEN 'endpoint' THEN endpoint_tag WHEN 'prompt' THEN prompt_version ELSE model END AS name,
       CASE %(dimension)s WHEN 'prompt' THEN endpoint_tag WHEN 'model' THEN provider END AS within,
       sum(calls)::bigint AS calls, sum(requests)::bigint AS requests,
       sum(successes)::bigint AS successes, sum(errors)::bigint AS errors,
       sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens,
       sum(cost_pico_usd)::numeric AS cost_pico_usd,
       sum(unpriced_calls)::bigint AS unpriced_calls, sum(uncertain_calls)::bigint AS uncertain_calls
FROM genai.usage_window(%(from)s, %(to)s)
WHERE (%(environment)s = '*' OR environment = %(environment)s)
  AND (%(data_mode)s = '*' OR data_mode = %(data_mode)s)
GROUP BY 1, 2
ORDER BY cost_pico_usd DESC, calls DESC, name, within
