-- What was believed on a day (LEDGER §19): by day and model only, since the ledger's book says no more.

-- First bookings by day and line: of every row by receipt (also of one that was merged into another since), and of
-- closed days from their closing lines, whose rows and receipts are gone. A promoted wrapper was first booked by its
-- own line of the book, not here.
CREATE VIEW genai.first_booking AS
SELECT m.time, date_bin('1 day', m.time, 'epoch')::date AS day, s.environment, s.data_mode, s.provider, s.model, m.received_at,
    CASE WHEN m.flags & 1073745920 = 0 THEN 1 ELSE 0 END::bigint AS calls, m.first_cost_pico_usd, false AS is_closed
FROM _genai.model_call m JOIN _genai.series s ON s.id = coalesce(m.first_series_id, m.series_id)
WHERE m.time >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
UNION ALL
SELECT d.day::timestamp AT TIME ZONE 'UTC', d.day, d.environment, d.data_mode, d.provider, d.model, NULL,
    coalesce(d.first_calls, d.calls), d.first_cost_pico_usd, true
FROM _genai.day_close d;

-- Calls and cost of [from_day, to_day] as the ledger believed them at `moment`: rows received until then at their first
-- cost, plus the book's lines until then. `is_known` is false for a closed day of which calls may have been received
-- after `moment` (up to 32 days later): what was received when is no longer known, so its figures may hold such calls.
-- What was erased (a data mode's rows and closing lines) is shown as if it had never been.
CREATE FUNCTION genai.as_of(moment timestamptz, from_day date, to_day date)
RETURNS TABLE (
    day date, environment text, data_mode text, provider text, model text, calls bigint, cost_pico_usd bigint,
    cost_usd numeric, is_closed boolean, is_known boolean
)
LANGUAGE sql STABLE AS $$
    SELECT f.day, f.environment, f.data_mode, f.provider, f.model, sum(f.calls)::bigint, sum(f.cost)::bigint,
        sum(f.cost) * 1e-12, bool_or(f.is_closed),
        NOT bool_or(f.is_closed) OR moment >= f.day + interval '32 days'
    FROM (
        SELECT b.day, b.environment, b.data_mode, b.provider, b.model, b.calls, coalesce(b.first_cost_pico_usd, 0) AS cost,
            b.is_closed
        FROM genai.first_booking b
        WHERE b.time >= from_day::timestamp AT TIME ZONE 'UTC'
            AND b.time < (to_day + 1)::timestamp AT TIME ZONE 'UTC' AND (b.received_at <= moment OR b.is_closed)
        UNION ALL
        SELECT l.day, l.environment, l.data_mode, l.provider, l.model, l.calls, l.cost_pico_usd, false
        FROM genai.ledger_line l
        WHERE l.day BETWEEN from_day AND to_day AND l.at <= moment AND l.kind <> 'erase'
            AND NOT EXISTS (
                SELECT FROM genai.ledger_line e
                WHERE e.kind = 'erase' AND e.at >= l.at AND (e.day, e.environment, e.data_mode, e.provider, e.model)
                    = (l.day, l.environment, l.data_mode, l.provider, l.model))
    ) f
    GROUP BY f.day, f.environment, f.data_mode, f.provider, f.model
    HAVING sum(f.calls) <> 0 OR sum(f.cost) <> 0
$$;
