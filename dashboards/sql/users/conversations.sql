-- Conversations of the newest 20,000 calls of the selection.
SELECT left(c.conversation, 12) AS name, genai.short_name('user', c."user") AS user_name, c.calls, c.duration_ms, c.spend,
    c.conversation, c."user", c.cost_usd
FROM genai.conversations(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'), genai.panel_focus('$service')) c
