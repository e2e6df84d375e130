-- Exact windows (LEDGER §9): whole hours from the hour rollup, whole minutes beside them, the ragged rest from rows.
-- Where an edge's rows are gone the window snaps outward; `from_used` and `to_used` say to where.
-- All functions here are LANGUAGE sql STABLE with one SELECT, so that the planner inlines them; sum what they return.

-- The cut of [from_time, to_time) into ranges: rows, minutes, hours, minutes, rows; an empty range has equal ends.
CREATE FUNCTION genai.window_cut(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (from_used timestamptz, to_used timestamptz, minutes_from timestamptz, hours_from timestamptz,
    hours_to timestamptz, minutes_to timestamptz)
LANGUAGE sql STABLE AS $$
    WITH floors AS MATERIALIZED (
        SELECT
            max(f.time) FILTER (WHERE f.level = 'raw') AS raw,
            max(f.time) FILTER (WHERE f.level = 'minute') AS minute,
            max(f.time) FILTER (WHERE f.level = 'hour') AS hour
        FROM genai.floor f
    ), used AS MATERIALIZED (
        SELECT
            CASE
                WHEN from_time < f.hour THEN f.hour
                WHEN from_time >= f.raw THEN from_time
                WHEN date_bin('1 minute', from_time, 'epoch') >= f.minute THEN date_bin('1 minute', from_time, 'epoch')
                ELSE date_bin('1 hour', from_time, 'epoch')
            END AS from_used,
            CASE
                WHEN date_bin('1 minute', to_time, 'epoch') >= f.raw THEN to_time
                WHEN date_bin('1 hour', to_time, 'epoch') >= f.minute
                    THEN date_bin('1 minute', to_time + interval '59.999999 seconds', 'epoch')
                ELSE date_bin('1 hour', to_time + interval '3599.999999 seconds', 'epoch')
            END AS to_used,
            f.raw, f.minute
        FROM floors f
    ), whole AS MATERIALIZED (
        SELECT u.from_used, greatest(u.from_used, u.to_used) AS to_used, u.raw, u.minute,
            date_bin('1 minute', u.from_used + interval '59.999999 seconds', 'epoch') AS minute_up,
            date_bin('1 minute', greatest(u.from_used, u.to_used), 'epoch') AS minute_down,
            date_bin('1 hour', u.from_used + interval '3599.999999 seconds', 'epoch') AS hour_up,
            date_bin('1 hour', greatest(u.from_used, u.to_used), 'epoch') AS hour_down
        FROM used u
    )
    -- rows [from_used, minutes_from) and [minutes_to, to_used), minutes [minutes_from, hours_from) and
    -- [hours_to, minutes_to), hours between. Without minutes that far back their place is taken by rows.
    SELECT w.from_used, w.to_used,
        CASE WHEN w.hour_up <= w.hour_down AND w.minute_up >= w.minute THEN w.minute_up
            WHEN w.hour_up <= w.hour_down THEN w.hour_up
            WHEN w.minute_up <= w.minute_down AND w.minute_up >= w.minute THEN w.minute_up
            ELSE w.to_used END,
        CASE WHEN w.hour_up <= w.hour_down THEN w.hour_up
            WHEN w.minute_up <= w.minute_down AND w.minute_up >= w.minute THEN w.minute_down
            ELSE w.to_used END,
        CASE WHEN w.hour_up <= w.hour_down THEN w.hour_down
            WHEN w.minute_up <= w.minute_down AND w.minute_up >= w.minute THEN w.minute_down
            ELSE w.to_used END,
        CASE WHEN w.hour_up <= w.hour_down AND w.hour_down >= w.minute THEN w.minute_down
            WHEN w.hour_up <= w.hour_down THEN w.hour_down
            WHEN w.minute_up <= w.minute_down AND w.minute_up >= w.minute THEN w.minute_down
            ELSE w.to_used END
    FROM whole w
$$;
