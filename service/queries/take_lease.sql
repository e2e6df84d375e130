-- take_lease: become, or stay, the one process that does a job; no row when another one does.
INSERT INTO _genai.lease AS held (job, holder, expires_at)
VALUES (%(job)s, %(holder)s, now() + make_interval(secs => %(seconds)s))
ON CONFLICT (job) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE held.holder = excluded.holder OR held.expires_at < now()
RETURNING held.holder
