-- The version in focus beside the other one with most calls; without a focus the pair that differs most.
SELECT p.figure, p.a_text, p.b_text, p.ratio, p.a, p.b
FROM genai.prompt_pair(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), genai.panel_focus('$service'),
    p_baseline => genai.panel_baseline('$baseline')) p
ORDER BY p.place
