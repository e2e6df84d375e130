-- Models without a price that were called in a window (by the hour), the most called first.
SELECT m.provider, m.model, sum(m.calls)::bigint AS calls, max(m.last_seen) AS last_seen
FROM genai.unpriced_model m
WHERE m.last_seen >= date_bin('1 hour', %(start)s, 'epoch') AND m.first_seen < %(end)s
    AND (%(environment)s = '*' OR m.environment = ANY (string_to_array(%(environment)s, ',')))
    AND (%(data_mode)s = '*' OR m.data_mode = %(data_mode)s)
GROUP BY m.provider, m.model
ORDER BY 3 DESC, m.provider, m.model
LIMIT 5
