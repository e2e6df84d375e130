-- What the parts sum to, and whether that is what the ledger holds.
SELECT e.cost_pico_usd * 1e-12 AS cost_usd, e.recomputed_pico_usd * 1e-12 AS recomputed_usd, e.agrees
FROM genai.explained(%(key)s, %(at)s) e
