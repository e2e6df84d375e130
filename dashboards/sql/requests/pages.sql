-- Which calls are listed, and how to turn the page.
SELECT c.shown, c.previous, c.next, 'newest' AS newest, 'most expensive' AS most_expensive, 'slowest' AS slowest,
    'failed first' AS failed_first, c.previous_page, c.next_page
FROM genai.call_pages(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), genai.panel_focus('$service'),
    genai.panel_focus('$status'), genai.panel_focus('$error'), genai.panel_focus('$price'),
    genai.panel_focus('$conversation'), genai.panel_focus('$latency'), '$order', '$page') c
