-- top_identity: spend of an exact window by user (with its tenant) or tenant, with the label it was given.
SELECT t.*, l.label
FROM (
SELECT CASE %(dimension)s WHEN 'tenant' THEN tenant_id ELSE user_id END AS name,
       CASE %(dimension)s WHEN 'user' THEN tenant_id END AS within,
       sum(calls)::bigint AS calls, sum(requests)::bigint AS requests,
       sum(successes)::bigint AS successes, sum(errors)::bigint AS errors,
       sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens,
       sum(cost_pico_usd)::numeric AS cost_pico_usd,
       sum(unpriced_calls)::bigint AS unpriced_calls, sum(uncertain_calls)::bigint AS uncertain_calls
FROM genai.identity_window(%(from)s, %(to)s)
WHERE (%(environment)s = '*' OR environment = %(environment)s)
  AND (%(data_mode)s = '*' OR data_mode = %(data_mode)s)
GROUP BY 1, 2
) t
LEFT JOIN genai.identity_label l ON l.kind = %(dimension)s AND l.value = t.name
ORDER BY t.cost_pico_usd DESC, t.calls DESC, t.name, t.within
