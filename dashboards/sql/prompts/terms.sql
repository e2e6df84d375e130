-- The change of the selection, term by term.
SELECT t.term, t.amount, t.meaning, t.usd, t.share_of_delta
FROM genai.compare_terms(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, genai.panel_baseline('$baseline'),
    array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint'), genai.panel_focus('$prompt_version'), genai.panel_focus('$user'),
    genai.panel_focus('$tenant'), genai.panel_focus('$model'),
    genai.panel_focus('$service')) t
ORDER BY t.place
