-- How soon calls are visible (operations/freshness/model.py).

-- freshness --
-- The bounds of each step, the whole range last.
SELECT f.time, f.calls, f.p50_seconds, f.p95_seconds, f.p99_seconds
FROM genai.freshness_by(%(start)s, %(end)s, %(step)s) f
