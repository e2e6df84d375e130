-- Money as panels show it: unknown is never zero, a lower bound says so, small amounts keep three digits, changes their sign.

-- `1,234.57`, `0.46`, `0.00743`: cents from a dollar on, below it three digits that say something.
CREATE FUNCTION genai.amount_text(p_amount numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN a.rounded >= 1 OR a.rounded = 0 OR scale(a.rounded) < 2
        THEN to_char(a.rounded, 'FM999,999,999,999,990.00') ELSE a.rounded::text END
    FROM (
        SELECT trim_scale(round(p_amount, CASE WHEN p_amount >= 1 OR p_amount = 0 THEN 2
            ELSE greatest(2 - floor(log(p_amount))::integer, 2) END)) AS rounded
    ) a
$$;

-- An amount of USD. `p_at_least`: a part of it is unknown; where nothing is known it is unknown, never zero.
CREATE FUNCTION genai.money_text(p_usd numeric, p_at_least boolean DEFAULT false)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_usd IS NULL OR p_usd = 0 AND p_at_least THEN 'unknown'
        ELSE CASE WHEN p_at_least THEN '≥ ' ELSE '' END || CASE WHEN p_usd < 0 THEN '-$' ELSE '$' END
            || genai.amount_text(abs(p_usd)) END
$$;

-- What calls cost: nothing to tell without calls. A unit cost is NULL where no call has a known price.
CREATE FUNCTION genai.cost_text(p_usd numeric, p_at_least boolean, p_calls numeric, p_none text DEFAULT '–')
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN coalesce(p_calls, 0) = 0 THEN p_none ELSE genai.money_text(p_usd, p_at_least) END
$$;

-- A change in USD with its sign. `p_in_doubt`: one of its sides is a lower bound; then no change is unknown.
CREATE FUNCTION genai.change_text(p_usd numeric, p_in_doubt boolean DEFAULT false)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_usd > 0 THEN '+' ELSE '' END || genai.money_text(p_usd, p_usd = 0 AND p_in_doubt)
$$;

-- A relative change with its sign: `+71.7%`, `-53.0%`; NULL where there is nothing to divide by.
CREATE FUNCTION genai.change_share_text(p_ratio double precision) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN r.percent > 0 THEN '+' ELSE '' END || to_char(r.percent, 'FM999,999,999,990.0') || '%'
    FROM (SELECT round(p_ratio::numeric * 100, 1) AS percent) r
$$;

-- A change beside its ratio: `+$1.67 (+71.7%)`.
CREATE FUNCTION genai.change_and_share_text(p_usd numeric, p_ratio double precision, p_in_doubt boolean DEFAULT false)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT genai.change_text(p_usd, p_in_doubt) || coalesce(' (' || genai.change_share_text(p_ratio) || ')', '')
$$;

-- A figure as a text: a count, money, a share, a plain number or seconds. Unknown money is `unknown`, the rest a dash.
CREATE FUNCTION genai.figure_text(p_kind text, p_value double precision)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE p_kind
        WHEN 'usd' THEN genai.money_text(p_value::numeric)
        WHEN 'count' THEN coalesce(genai.count_text(p_value::numeric), '–')
        WHEN 'share' THEN coalesce(to_char(p_value * 100, 'FM990.0') || '%', '–')
        WHEN 'seconds' THEN coalesce(to_char(p_value, 'FM999,990.0') || ' s', '–')
        ELSE coalesce(to_char(p_value, 'FM999,990.00'), '–') END
$$;

-- A text in an address (RFC 3986), byte by byte.
CREATE FUNCTION genai.url_text(p_text text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(string_agg(CASE WHEN c.letter ~ '^[A-Za-z0-9_.~-]$' THEN c.letter
        ELSE upper(regexp_replace(encode(convert_to(c.letter, 'UTF8'), 'hex'), '(..)', '%\1', 'g')) END, '' ORDER BY c.place), '')
    FROM regexp_split_to_table(p_text, '') WITH ORDINALITY c (letter, place)
$$;

-- Cost of a request now, divided by before; NULL where the baseline is too small to divide by.
CREATE FUNCTION genai.drift(p_unit numeric, p_unit_before numeric, p_calls numeric, p_calls_before numeric)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN genai.is_comparable(p_calls_before, p_calls) THEN p_unit / nullif(p_unit_before, 0) END
$$;
