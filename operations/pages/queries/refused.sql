-- Spans that were refused for good in a window, by reason, the most frequent first.
SELECT q.reason, count(*) AS spans
FROM genai.quarantine q
WHERE q.received_at >= %(start)s AND q.received_at < %(end)s
GROUP BY q.reason
ORDER BY count(*) DESC, q.reason
LIMIT 5
