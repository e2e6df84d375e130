-- What else changed: cost, tokens and attempts of a request, success, latency.
SELECT v.figure, v.before_text, v.now_text, v.ratio, v.before, v.now
FROM genai.compare_vitals(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', 'endpoint', genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'),
    genai.panel_focus('$user'), genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service')) v
ORDER BY v.place
