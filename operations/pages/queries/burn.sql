-- Spend over time of a window and of its baseline moved onto it, with a row for every step: no call is no spend.
WITH asked AS (
    SELECT
        CASE
            WHEN genai.window_source(
                    '', %(endpoint)s, %(prompt_version)s, %(user)s, %(tenant)s, %(service)s) LIKE 'identity%%'
                OR %(start)s < (SELECT f.time FROM genai.floor f WHERE f.level = 'minute')
                THEN greatest(genai.panel_step(%(start)s, %(end)s), interval '1 hour')
            ELSE genai.panel_step(%(start)s, %(end)s)
        END AS step,
        genai.baseline_from(%(start)s, %(end)s, %(baseline)s) AS baseline_from,
        genai.baseline_to(%(start)s, %(end)s, %(baseline)s) AS baseline_to
), place AS (
    SELECT 'now' AS segment, a.step, t.time
    FROM asked a
    CROSS JOIN generate_series(
        date_bin(a.step, %(start)s, 'epoch'), %(end)s - interval '1 microsecond', a.step) t (time)
    UNION ALL
    SELECT 'before', a.step, t.time + (%(start)s - a.baseline_from)
    FROM asked a
    CROSS JOIN generate_series(
        date_bin(a.step, a.baseline_from, 'epoch'), a.baseline_to - interval '1 microsecond', a.step) t (time)
)
SELECT p.segment, p.time, extract(epoch FROM p.step)::integer AS step_seconds, coalesce(u.cost_usd, 0) AS cost_usd
FROM place p
LEFT JOIN genai.now_and_before(
    %(start)s, %(end)s, %(baseline)s, %(environment)s, %(data_mode)s, %(endpoint)s, %(prompt_version)s, %(user)s,
    %(tenant)s, %(model)s, %(service)s) u ON u.segment = p.segment AND u.time = p.time
ORDER BY p.segment, p.time
