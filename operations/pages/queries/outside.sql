-- Environments and data modes that the selection leaves out.
SELECT environment, data_mode, calls, last_seen FROM genai.data_outside(%(start)s, %(end)s, %(environment)s, %(data_mode)s)
