-- Why requests of senders end in no counted call, of the last seven days. `requests` counts since `first_seen`.
CREATE VIEW genai.sender_problem AS
SELECT p.cause, p.title, p.remedy, p.is_refused, p.transport, p.detail, p.sender, p.service AS service_name,
    p.receiver, p.requests, p.first_seen, p.last_seen
FROM _genai.sender_problem p;
