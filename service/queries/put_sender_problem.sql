-- put_sender_problem: what a receiver saw of one cause at one sender since it last wrote.
INSERT INTO _genai.sender_problem AS p
    (receiver, cause, transport, detail, sender, service, title, remedy, is_refused, requests, first_seen, last_seen)
VALUES (%(receiver)s, %(cause)s, %(transport)s, %(detail)s, %(sender)s, %(service)s, %(title)s, %(remedy)s,
        %(is_refused)s, %(requests)s, to_timestamp(%(first)s), to_timestamp(%(last)s))
ON CONFLICT (receiver, cause, transport, detail, sender, service) DO UPDATE SET
    requests = p.requests + excluded.requests, last_seen = excluded.last_seen, title = excluded.title,
    remedy = excluded.remedy, is_refused = excluded.is_refused
