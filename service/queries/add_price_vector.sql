-- add_price_vector: one price of one model, as it was multiplied.
INSERT INTO _genai.price_vector (id, map_id, provider, model, service_tier, valid_from, valid_to, threshold_tokens,
                                 coefficients, source, source_url, checked_at)
VALUES (%(id)s, %(map_id)s, %(provider)s, %(model)s, %(service_tier)s, %(valid_from)s::timestamptz,
        %(valid_to)s::timestamptz, %(threshold_tokens)s, %(coefficients)s, %(source)s, %(source_url)s, %(checked_at)s)
ON CONFLICT (id) DO NOTHING
