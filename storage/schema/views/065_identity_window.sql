-- Exact windows by identity: whole days from the folded days, whole hours, the ragged rest from rows.

CREATE FUNCTION genai.identity_cut(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (from_used timestamptz, to_used timestamptz, days_from timestamptz, days_to timestamptz,
    hours_from timestamptz, hours_to timestamptz)
LANGUAGE sql STABLE AS $$
    WITH floors AS MATERIALIZED (
        SELECT
            max(f.time) FILTER (WHERE f.level = 'raw') AS raw,
            max(f.time) FILTER (WHERE f.level = 'identity_hour') AS hour,
            max(f.time) FILTER (WHERE f.level = 'identity_day') AS day
        FROM genai.floor f
    ), used AS MATERIALIZED (
        SELECT
            CASE
                WHEN from_time < f.day THEN f.day
                WHEN from_time >= f.raw THEN from_time
                WHEN date_bin('1 hour', from_time, 'epoch') >= f.hour THEN date_bin('1 hour', from_time, 'epoch')
                ELSE date_bin('1 day', from_time, 'epoch')
            END AS from_used,
            CASE
                WHEN date_bin('1 hour', to_time, 'epoch') >= f.raw THEN to_time
                WHEN date_bin('1 day', to_time, 'epoch') >= f.hour
                    THEN date_bin('1 hour', to_time + interval '3599.999999 seconds', 'epoch')
                ELSE date_bin('1 day', to_time + interval '86399.999999 seconds', 'epoch')
            END AS to_used,
            f.hour
        FROM floors f
    ), whole AS MATERIALIZED (
        SELECT u.from_used, greatest(u.from_used, u.to_used) AS to_used, u.hour,
            date_bin('1 hour', u.from_used + interval '3599.999999 seconds', 'epoch') AS hour_up,
            date_bin('1 hour', greatest(u.from_used, u.to_used), 'epoch') AS hour_down,
            date_bin('1 day', u.from_used + interval '86399.999999 seconds', 'epoch') AS day_up,
            date_bin('1 day', greatest(u.from_used, u.to_used), 'epoch') AS day_down
        FROM used u
    )
    -- rows [from_used, days_from), days [days_from, days_to), rows [days_to, hours_from), hours [hours_from, hours_to),
    -- rows [hours_to, to_used). Hours below their floor exist as days only: a part of such a day comes from rows.
    SELECT w.from_used, w.to_used, d.days_from, d.days_to, h.hours_from,
        CASE WHEN h.hours_from <= w.hour_down THEN w.hour_down ELSE h.hours_from END
    FROM whole w
    CROSS JOIN LATERAL (
        SELECT least(w.day_up, d.end_of_days) AS days_from, d.end_of_days AS days_to
        FROM (SELECT CASE
            WHEN w.day_up < least(w.hour, w.day_down) THEN least(w.hour, w.day_down) ELSE w.from_used END
            AS end_of_days) d
    ) d
    CROSS JOIN LATERAL (
        SELECT least(w.to_used, greatest(w.hour, w.hour_up, d.days_to)) AS hours_from
    ) h
$$;
