-- folded_notice: a sentence where calls of the environment are counted under __other__.
SELECT genai.folded_notice(%(from)s, %(to)s, %(environment)s, %(data_mode)s) AS notice
