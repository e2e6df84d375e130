-- The parts of a call's bill: tokens times price, recomputed from its row.
SELECT e.part, e.tokens, e.pico_usd_per_token * 1e-6 AS usd_per_million, e.cost_pico_usd * 1e-12 AS cost_usd,
    e.booked_as, e.attribute
FROM genai.explain(%(key)s, %(at)s) e
ORDER BY e."position"
