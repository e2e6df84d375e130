-- forget_sender_problems: what is a week old, and spans without calls of services whose calls are counted.
DELETE FROM _genai.sender_problem
WHERE last_seen < now() - interval '7 days'
    OR (receiver = %(receiver)s AND cause IN ('no_genai', 'empty') AND service = ANY(%(services)s))
