-- The version in focus (else the newest) beside the most expensive other version of its endpoint.
SELECT p.figure, p.a, p.b, p.ratio
FROM genai.prompt_pair(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), genai.panel_focus('$service')) p
ORDER BY p.place
