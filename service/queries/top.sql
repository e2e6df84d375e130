-- top: spend of an exact window by endpoint, prompt version (with its endpoint) or model (with its provider). A model comes
-- with its family, and what became of the family's calls: a failed call names the model that was asked for.
SELECT m.*, sum(m.calls) OVER of_family::bigint AS family_calls, sum(m.successes) OVER of_family::bigint AS family_successes
FROM (
    SELECT CASE %(dimension)s WHEN 'endpoint' THEN endpoint_tag WHEN 'prompt' THEN prompt_version ELSE model END AS name,
           CASE %(dimension)s WHEN 'prompt' THEN endpoint_tag WHEN 'model' THEN provider END AS within,
           CASE %(dimension)s WHEN 'model' THEN genai.model_family(model) END AS family,
           sum(calls)::bigint AS calls, sum(requests)::bigint AS requests,
           sum(successes)::bigint AS successes, sum(errors)::bigint AS errors,
           sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens,
           sum(cost_pico_usd)::numeric AS cost_pico_usd,
           sum(unpriced_calls)::bigint AS unpriced_calls, sum(uncertain_calls)::bigint AS uncertain_calls
    FROM genai.usage_window(%(from)s, %(to)s)
    WHERE (%(environment)s = '*' OR environment = %(environment)s)
      AND (%(data_mode)s = '*' OR data_mode = %(data_mode)s)
    GROUP BY 1, 2, 3
) m
WINDOW of_family AS (PARTITION BY m.within, m.family)
ORDER BY m.cost_pico_usd DESC, m.calls DESC, m.name, m.within
