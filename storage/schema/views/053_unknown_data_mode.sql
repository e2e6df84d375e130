-- Calls whose data mode was sent as a word that is none of real, test and demo (LEDGER §14): they count as real, and their
-- cost is uncertain.

-- One row per such call. Only the raw rows know it.
CREATE VIEW genai.unknown_data_mode_call AS
SELECT m.time, m.received_at, s.environment, s.service_name, m.cost_pico_usd
FROM _genai.model_call m JOIN _genai.series s ON s.id = m.series_id
WHERE m.flags & 65536 <> 0 AND m.merged_into IS NULL
    AND CASE WHEN m.time >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw') THEN true END;

-- The services that send such words in a window, the most expensive first, for an environment (or several with commas) and a
-- service; '*' or NULL for all. `sent` holds the words of the last seven days. No row: every data mode is known.
CREATE FUNCTION genai.unknown_data_mode(
    p_from timestamptz, p_to timestamptz, p_env text DEFAULT '*', p_service text DEFAULT NULL
) RETURNS TABLE (
    service_name text, environment text, calls bigint, cost_usd numeric, sent text, first_seen timestamptz,
    last_seen timestamptz
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.service_name, u.environment, count(*), sum(u.cost_pico_usd) * 1e-12,
        (
            SELECT string_agg(DISTINCT p.detail, ', ' ORDER BY p.detail)
            FROM genai.sender_problem p
            WHERE p.cause = 'unknown_data_mode' AND p.service_name IN (u.service_name, '')
        ),
        min(u.time), max(u.time)
    FROM genai.unknown_data_mode_call u
    WHERE u.time >= p_from AND u.time < p_to
        AND (p_env = '*' OR u.environment = ANY (string_to_array(p_env, ',')))
        AND (coalesce(p_service, '*') = '*' OR u.service_name = p_service)
    GROUP BY u.service_name, u.environment
    ORDER BY sum(u.cost_pico_usd) DESC NULLS LAST, u.service_name, u.environment
$$;
