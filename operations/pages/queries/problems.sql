-- Why requests of senders ended in no counted call, of the window up to now; one row per cause, at its busiest sender.
SELECT DISTINCT ON (cause) cause, title, remedy, is_refused, transport, detail, sender, service_name,
    sum(requests) OVER (PARTITION BY cause)::bigint AS requests, max(last_seen) OVER (PARTITION BY cause) AS last_seen,
    count(*) OVER (PARTITION BY cause) AS senders
FROM genai.sender_problem
WHERE last_seen >= %(start)s AND last_seen < %(end)s + interval '1 minute'
ORDER BY cause, requests DESC, sender, detail
