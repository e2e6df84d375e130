-- Why requests of senders ended in no counted call, of the window up to now; one row per cause, at its busiest sender.
SELECT DISTINCT ON (p.cause) p.cause, p.title, p.remedy, p.is_refused, p.transport, p.detail, p.sender,
    p.service_name, (sum(p.requests) OVER cause)::bigint AS requests, max(p.last_seen) OVER cause AS last_seen,
    count(*) OVER cause AS senders
FROM genai.sender_problem p
WHERE p.last_seen >= %(start)s AND p.last_seen < %(end)s + interval '1 minute'
WINDOW cause AS (PARTITION BY p.cause)
ORDER BY p.cause, p.requests DESC, p.sender, p.detail
