-- Prices of the newest calls, and when they were last checked.
SELECT p.model, p.priced_as, p.service_tier, p.input_usd, p.cache_read_usd, p.output_usd, p.calls, p.source,
    p.age_days
FROM genai.prices_used(
    $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$model')) p
