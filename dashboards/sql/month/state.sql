-- The month of the range's end: so far, against the same days of the month before, projected, and that month.
SELECT m.spent, m.change, m.projected, m.last_month, m.month, m.spent_usd, m.projected_usd, m.last_month_to_date_usd,
    m.last_month_usd, m.projected_ratio
FROM genai.month_state($__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') m
