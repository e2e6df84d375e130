-- What providers bill (real and test, all environments) beside the selection.
SELECT m.invoice_usd, m.spent_usd, m.outside_usd, m.unpriced_calls, m.uncertain_share, m.unread_spans
FROM genai.month_state($__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') m
