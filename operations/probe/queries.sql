-- The probe's records (operations/probe/model.py).

-- put_probe --
-- What became of one request of the probe.
INSERT INTO _genai.probe_run (
    sent_at, accepted_at, visible_at, grafana_at, endpoint, holder, calls, cost_pico_usd, expected_pico_usd, failure, detail)
VALUES (
    %(sent_at)s, %(accepted_at)s, %(visible_at)s, %(grafana_at)s, %(endpoint)s, %(holder)s, %(calls)s, %(cost)s, %(expected)s,
    %(failure)s, %(detail)s)
ON CONFLICT (sent_at) DO NOTHING


-- forget_probes --
-- Take away what is older than its retention.
DELETE FROM _genai.probe_run p WHERE p.sent_at < now() - %(days)s * interval '1 day'
