-- How the contract stands now: the calls of the last minutes, the sums, the error budget and the probe.
SELECT s.p95_seconds, s.behind_seconds, s.budget_used, s.probe, s.burn_1h, s.complete_to
FROM genai.panel_freshness_state() s
