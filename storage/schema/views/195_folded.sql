-- Environments beyond their day's limit, reported by name (LEDGER §12): their calls are booked under `__other__`, so that no sum
-- holds them under their own name.

-- The environments among those asked (`__other__`: all of them) whose calls of the window are booked under `__other__`, with
-- how many calls and what they cost. Read from single calls: nothing where these are gone.
CREATE FUNCTION genai.folded_environments(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text)
RETURNS TABLE (environment text, calls bigint, cost_usd numeric) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH asked AS MATERIALIZED (
        SELECT s.id, s.environment FROM genai.series s
        WHERE s.id IN (SELECT f.id FROM genai.fold f WHERE f.folded & 1 <> 0)
            AND ('__other__' = ANY (string_to_array(p_env, ',')) OR s.environment = ANY (string_to_array(p_env, ',')))
            AND (coalesce(p_data_mode, '*') = '*' OR s.data_mode = p_data_mode)
    )
    SELECT a.environment, count(*), coalesce(sum(c.cost_pico_usd), 0) * 1e-12
    FROM genai.call_cost c
    JOIN asked a ON a.id = c.series_id
    WHERE (SELECT EXISTS (SELECT FROM asked)) -- asked once: without one, no call is read
        AND c.folded & 1 <> 0 AND c.merged_into IS NULL AND c.time >= p_from AND c.time < p_to
    GROUP BY a.environment
    ORDER BY 2 DESC, 1
$$;

-- One sentence where the answer for an environment is not its own sum; else NULL.
CREATE FUNCTION genai.folded_notice(p_from timestamptz, p_to timestamptz, p_env text, p_data_mode text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN count(*) = 0 THEN NULL
        WHEN '__other__' = ANY (string_to_array(p_env, ',')) THEN 'Environment __other__ holds '
            || genai.count_text(sum(f.calls)) || CASE sum(f.calls) WHEN 1 THEN ' call' ELSE ' calls' END
            || ' of environments that came after the limit of their day: '
            || string_agg(f.environment, ', ' ORDER BY f.place) FILTER (WHERE f.place <= 5)
            || CASE WHEN count(*) > 5 THEN ' and ' || genai.count_text(count(*) - 5) || ' more' ELSE '' END || '.'
        ELSE string_agg(
            genai.count_text(f.calls) || CASE f.calls WHEN 1 THEN ' call' ELSE ' calls' END || ' (' || genai.sum_text(f.cost_usd)
            || ') of environment ' || f.environment || CASE f.calls WHEN 1 THEN ' is' ELSE ' are' END
            || ' counted under __other__: the environment came after the limit of its day (limits.values_per_day).',
            ' ' ORDER BY f.place) FILTER (WHERE f.place <= 5)
        END
    FROM (
        SELECT e.*, row_number() OVER (ORDER BY e.calls DESC, e.environment) AS place
        FROM genai.folded_environments(p_from, p_to, p_env, p_data_mode) e
    ) f
$$;
