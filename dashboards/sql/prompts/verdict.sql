-- Which two versions, what their difference costs, and how far it may be believed.
SELECT p.confidence, p.sentence, p.change, coalesce(p.prompt_version, '*') AS prompt_version, p.other_version, p.endpoint,
    p.change_usd, p.cost_per_request_usd, p.ratio, c.page_link, c.page_url
FROM genai.prompt_verdict(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), genai.panel_focus('$service'),
    p_baseline => genai.panel_baseline('$baseline')) p
CROSS JOIN LATERAL genai.row_page(
    'prompt_version', $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode', coalesce(p.endpoint, '*'), coalesce(p.prompt_version, '*'),
    genai.panel_focus('$user'), genai.panel_focus('$tenant'), genai.panel_focus('$model'), genai.panel_focus('$service')) c
