-- unpriced_usage: models without a price and their tokens, most calls first.
SELECT provider, model, environment, data_mode, calls, input_tokens, output_tokens, cache_read_tokens, tokens_at_most,
       first_seen, last_seen
FROM genai.unpriced_usage
ORDER BY calls DESC, provider, model, environment, data_mode
