-- last_calls: the calls that started last, newest first.
SELECT time, received_at, provider, model, endpoint_tag, prompt_version, tenant_id, environment, data_mode,
       input_tokens, output_tokens, latency_ms, status, cost_pico_usd, price_status
FROM genai.model_call
ORDER BY time DESC
LIMIT %(limit)s
