-- unpriced: models without a price, most calls first.
SELECT provider, model, environment, data_mode, calls, first_seen, last_seen
FROM genai.unpriced_model
ORDER BY calls DESC, provider, model, environment, data_mode
