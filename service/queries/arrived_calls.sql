-- arrived_calls: calls received after a moment, oldest first, however old their own time is. The keys' BRIN index
-- finds them by receipt, the index on time finds the rows.
SELECT c.call_key, c.time, c.received_at, c.provider, c.model, c.operation, c.endpoint_tag, c.prompt_version,
       c.user_id, c.tenant_id, c.environment, c.data_mode, c.service_name, c.input_tokens, c.output_tokens,
       c.usage_source, c.latency_ms, c.status, c.error_type, c.cost_pico_usd, c.price_status, c.dialect, c.flags,
       c.sources, c.trace_id, c.span_id
FROM (SELECT DISTINCT call, time FROM _genai.call_key WHERE received_at > %(after)s) AS k
JOIN genai.model_call AS c ON c.time = k.time AND c.call_key = k.call
WHERE c.received_at > %(after)s
ORDER BY c.received_at, c.call_key
LIMIT %(limit)s
