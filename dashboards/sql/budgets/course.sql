-- Spend since the month began, beside that of the month before on the same days.
SELECT u."time", u.segment, u.cost_usd, u.until_ms
FROM genai.month_course($__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') u
ORDER BY 1
