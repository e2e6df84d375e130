-- The price map in use, and what it does not know.
SELECT p.base, p.own_map, p.loaded_at, p.unpriced_models, p.oldest_check
FROM genai.pricing_state(array_to_string(ARRAY[$env]::text[], ','), '$data_mode') p
