-- explain: the parts of one call's bill.
SELECT e.part, e.booked_as, e.tokens, e.pico_usd_per_token, e.cost_pico_usd, e.field, e.attribute, e.rank
FROM genai.explain(%(call_key)s, %(time)s) e
ORDER BY e.position
