-- What every dashboard shows beside its figures: whether it runs, up to when it is complete, what lies outside.

-- Whether a text is a moment as links and pages write it: a day that exists, a time, a zone.
CREATE FUNCTION genai.is_moment(p_text text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_text
            ~ ('^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
                'T([01][0-9]|2[0-3])(:[0-5][0-9]){1,2}(\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$')
        THEN extract(month FROM (left(p_text, 7) || '-01')::date + (substr(p_text, 9, 2)::integer - 1))
            = substr(p_text, 6, 2)::integer
        ELSE false END
$$;

-- The baseline of a panel: `previous`, a distance in hours or days, or a window of its own, `FROM..TO`. Anything else,
-- which only a hand-made address can hold, is `previous`; the dashboards show the window that was really used.
CREATE FUNCTION genai.panel_baseline(p_baseline text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_baseline ~ '^[1-9][0-9]{0,3}[hd]$' THEN p_baseline
        WHEN genai.is_moment(split_part(p_baseline, '..', 1)) AND genai.is_moment(split_part(p_baseline, '..', 2))
            AND p_baseline NOT LIKE '%..%..%'
            -- a window that ends before it begins would read as nothing spent
            THEN CASE WHEN split_part(p_baseline, '..', 1)::timestamptz < split_part(p_baseline, '..', 2)::timestamptz
                THEN p_baseline ELSE 'previous' END
        ELSE 'previous' END
$$;

-- '*' for a choice of nothing: a variable that Grafana could not fill is an empty text.
CREATE FUNCTION genai.panel_focus(p_value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_value = '' THEN '*' ELSE p_value END
$$;

-- One row: the watermark in words, and what the reader must know about the chosen range.
CREATE FUNCTION genai.data_state(
    p_uid text, p_from timestamptz, p_to timestamptz, p_env text DEFAULT '*', p_data_mode text DEFAULT '*'
) RETURNS TABLE (complete_to timestamptz, state text, notice text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        w.complete_to,
        CASE
            WHEN NOT genai.dashboard_on(p_uid) THEN 'paused'
            WHEN w.complete_to IS NULL THEN 'nothing received yet'
            WHEN w.live_writers = 0 THEN 'no receiver is running'
            WHEN w.complete_to < now() - interval '5 minutes' THEN 'behind'
            ELSE 'complete'
        END,
        concat_ws(' ', CASE
            WHEN NOT genai.dashboard_on(p_uid)
                THEN genai.pause_text(p_uid)
            WHEN f.hour > p_from THEN 'The range begins before the data: totals are kept from '
                || to_char(f.hour AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC on.'
            WHEN f.raw > p_from THEN 'The range begins before the single calls: they are kept from '
                || to_char(f.raw AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
                || ' UTC on. Totals are whole, their edges may be rounded out to the hour.'
            WHEN p_to < p_from + interval '1 second' THEN 'The range is empty.'
            ELSE 'Everything received in this range is counted.'
        END, CASE WHEN p_env <> '*' THEN genai.folded_notice(p_from, p_to, p_env, p_data_mode) END)
    FROM genai.watermark w
    CROSS JOIN (
        SELECT max(f.time) FILTER (WHERE f.level = 'raw') AS raw, max(f.time) FILTER (WHERE f.level = 'hour') AS hour
        FROM genai.floor f
    ) f
$$;

-- Environments and data modes that the selection leaves out, with their calls in the range; hours for `last_seen`.
CREATE FUNCTION genai.data_outside(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE (environment text, data_mode text, calls bigint, last_seen timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.environment, s.data_mode, coalesce(sum(u.calls), 0)::bigint, max(s.last_seen)
    FROM genai.series_seen s
    LEFT JOIN (
        SELECT h.series_id, genai.total(h.calls) AS calls
        FROM genai.measured_hour h
        WHERE h.bucket >= date_bin('1 hour', p_from, 'epoch') AND h.bucket < p_to
        GROUP BY h.series_id
    ) u ON u.series_id = s.id
    WHERE NOT genai.is_probe(s.environment) AND NOT ((p_env = '*' OR s.environment = ANY (string_to_array(p_env, ',')))
        AND (p_data_mode = '*' OR s.data_mode = p_data_mode))
    GROUP BY s.environment, s.data_mode
    ORDER BY 3 DESC, 4 DESC, 1, 2
    LIMIT 20
$$;
