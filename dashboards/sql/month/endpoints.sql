-- The month by endpoint beside the month before up to the same moment.
SELECT m.name AS endpoint, m.spend, m.cost_share, m.before, m.change, m.cost_usd, m.last_month_to_date_usd,
    m.delta_usd, m.calls
FROM genai.month_by('endpoint', $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') m
