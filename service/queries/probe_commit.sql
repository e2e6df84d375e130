-- probe_commit: a commit that reaches the disk, on a row of its own.
INSERT INTO _genai.lease (job, holder, expires_at) VALUES ('probe', 'readyz', now())
ON CONFLICT (job) DO UPDATE SET expires_at = now()
