-- What calls lack (operations/quality/model.py).

-- quality --
-- Every item by service, endpoint and value, in the order of the checklist and the most failing first.
SELECT q.item, q.weight, q.service, q.endpoint, q.value, q.calls, q.failed
FROM genai.quality(
    %(from)s, %(to)s, %(environment)s, %(data_mode)s, %(endpoint)s, %(prompt_version)s, %(user)s, %(tenant)s, %(model)s,
    %(provider)s, %(service)s) q


-- grafana --
-- Where Grafana is, as a browser sees it; empty where no one said.
SELECT coalesce((SELECT s.value FROM genai.setting s WHERE s.key = 'grafana_url'), '')
