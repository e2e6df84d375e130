-- stored_vectors: every price that maps other than this one brought, the older map first.
SELECT v.map_id, v.provider, v.model, v.service_tier, v.valid_from::text AS valid_from, v.valid_to::text AS valid_to,
    coalesce(v.threshold_tokens, -1) AS input_tokens_gt, v.coefficients, v.source
FROM genai.price_vector v JOIN genai.price_map m ON m.id = v.map_id
WHERE m.sha256 <> %(sha256)s
ORDER BY v.map_id
