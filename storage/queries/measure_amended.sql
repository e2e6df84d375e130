-- What the rows being amended are booked as, by the one definition of it (view _genai.booked), with a sign: -1 before
-- they change, 1 after. A row that is merged into another is booked as nothing. Parameters: sign, first and last time.
INSERT INTO pg_temp.delta (
    minute, identity_id, series_id,
    {calls..latency_b23: #}
)
SELECT
    (floor(extract(epoch FROM b.time))::bigint - 946684800) / 60, b.identity_id, b.series_id,
    {calls..latency_b23: g.sign * b.#}
FROM (SELECT %(sign)s::bigint AS sign) g, pg_temp.amended a
JOIN _genai.booked b ON b.time = a.time AND b.call_key = a.call_key
WHERE b.time >= %(first)s AND b.time <= %(last)s
