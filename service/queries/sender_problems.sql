-- sender_problems: why requests of senders ended in no counted call, seen after a moment, most recent first.
SELECT cause, title, remedy, is_refused, transport, detail, sender, service_name, receiver, requests, first_seen,
       last_seen
FROM genai.sender_problem
WHERE last_seen > %(after)s
ORDER BY last_seen DESC, requests DESC, cause, detail, sender
LIMIT 100
