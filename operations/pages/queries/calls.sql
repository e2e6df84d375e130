-- Single calls of a question, the newest first, with the address of their trace where one is configured.
SELECT c.time, c.call_key, c.endpoint, c.prompt_version, c.model, c.tenant, c."user", c.input_tokens, c.output_tokens,
    c.latency_ms, c.status, c.error, c.price_status, c.cost_usd, c.trace_url
FROM genai.calls_of(
    %(start)s, %(end)s, %(environment)s, %(data_mode)s, coalesce(%(endpoint)s, '*'), coalesce(%(prompt_version)s, '*'),
    coalesce(%(user)s, '*'), coalesce(%(tenant)s, '*'), coalesce(%(model)s, '*'), coalesce(%(service)s, '*'),
    %(limit)s, coalesce(%(provider)s, '*')) c
