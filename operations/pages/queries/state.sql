-- Up to when everything is counted, and what the reader must know about the range.
SELECT complete_to, state, notice
FROM genai.data_state('spanledger-overview', %(start)s, %(end)s, %(environment)s, %(data_mode)s)
