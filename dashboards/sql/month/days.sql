-- Spend of every day of the month by endpoint.
SELECT u."time", u.segment, u.focus, u.cost_usd, u.until_ms
FROM genai.month_days($__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') u
ORDER BY 1
