-- The terms as steps from the baseline's spend to the window's.
SELECT w.step, w.base_usd, w.rise_usd, w.fall_usd, w.level_usd
FROM genai.compare_waterfall(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'),
    genai.panel_focus('$user'), genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service')) w
ORDER BY w.place
