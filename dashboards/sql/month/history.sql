-- The last twelve months.
SELECT h.month, h.cost_usd
FROM genai.month_history($__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') h
ORDER BY h.month
