-- Spend of every bucket beside that of the baseline, moved to the same place.
SELECT u."time", u.segment, u.cost_usd, u.until_ms, u.before_from_ms, u.before_until_ms
FROM genai.now_and_before(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'),
    genai.panel_focus('$user'), genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service')) u
ORDER BY 1
