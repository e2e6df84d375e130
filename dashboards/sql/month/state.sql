-- The month of the range's end: so far, projected, and the one before.
SELECT m.month, m.spent_usd, m.projected_usd, m.last_month_to_date_usd, m.last_month_usd, m.projected_ratio
FROM genai.month_state($__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') m
