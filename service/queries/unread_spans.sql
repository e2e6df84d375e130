-- unread_spans: spans of a window with usage that no rule reads.
SELECT genai.unread_spans(%(from)s, %(to)s, %(environment)s, %(data_mode)s) AS unread_spans
