-- window_identity: the same for questions about users and tenants, whose sums are kept apart.
SELECT from_used, to_used FROM genai.identity_cut(%(from)s, %(to)s)
