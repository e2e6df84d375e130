-- Models without a price, in all hours that are kept.
SELECT u.model, u.provider, u.environment, u.data_mode, u.first_seen, u.last_seen, u.calls
FROM genai.unpriced_models(array_to_string(ARRAY[$env]::text[], ','), '$data_mode') u
