-- What providers bill (real and test, all environments), and the part of it that the selection leaves out.
SELECT m.invoice, m.outside, m.unpriced_calls, m.uncertain_share, m.unread_spans, m.invoice_usd, m.outside_usd
FROM genai.month_state($__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') m
