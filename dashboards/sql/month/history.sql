-- The last twelve months.
SELECT h.month, h.cost_usd, h.from_ms, h.until_ms
FROM genai.month_history($__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') h
ORDER BY h.month
