-- Which two versions, and whether the comparison may be believed.
SELECT p.versions, p.remark, p.a AS cost_per_request_usd, p.ratio
FROM genai.prompt_pair(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), genai.panel_focus('$service')) p
WHERE p.place = 3
