-- The probe's requests (docs/monitoring.md): when each was sent, accepted and visible in the query of a dashboard.

-- Seconds count from the first attempt to send, so that refusals count. `failure` is NULL when all was well, else the stage:
-- database, receiver, summaries, count, price or grafana.
CREATE VIEW genai.probe AS
SELECT p.sent_at, extract(epoch FROM p.accepted_at - p.sent_at)::float8 AS accepted_seconds,
    extract(epoch FROM p.visible_at - p.sent_at)::float8 AS visible_seconds,
    extract(epoch FROM p.grafana_at - p.sent_at)::float8 AS grafana_seconds,
    p.calls, p.calls = 1 AS is_counted_once, p.cost_pico_usd * 1e-12 AS cost_usd, p.expected_pico_usd * 1e-12 AS expected_usd,
    p.cost_pico_usd = p.expected_pico_usd AS is_priced_right, p.failure, p.detail, p.endpoint, p.holder
FROM _genai.probe_run p;
