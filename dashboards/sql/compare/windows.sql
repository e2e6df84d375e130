-- The windows that were really compared: an edge whose single calls are gone is rounded out.
SELECT v.what, v.from_used, v.to_used
FROM genai.compared_windows(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'),
    genai.panel_focus('$user'), genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service')) v
