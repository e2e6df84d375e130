-- Coding agents among the newest 20,000 calls of the selection.
SELECT genai.short_name('user', c."user") AS user_name, c.endpoint, c.agent, c.spend, c."user", c.calls, c.cost_usd
FROM genai.coding_agents(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), genai.panel_focus('$service')) c
