-- Up to when the sums are complete, and when that is too late (docs/monitoring.md).

-- The settings of the service: the objective, our own target and the window of the P95 in seconds; how often the probe runs
-- (NULL: not at all).
CREATE FUNCTION genai.freshness_objective()
RETURNS TABLE (objective_seconds double precision, target_seconds double precision, window_seconds double precision,
    probe_every_seconds double precision) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(max(s.value::float8) FILTER (WHERE s.key = 'freshness_objective_seconds'), 300),
        coalesce(max(s.value::float8) FILTER (WHERE s.key = 'freshness_target_seconds'), 1),
        coalesce(max(s.value::float8) FILTER (WHERE s.key = 'freshness_window_seconds'), 300),
        max(nullif(s.value, '')::float8) FILTER (WHERE s.key = 'probe_every_seconds')
    FROM genai.setting s
    WHERE s.key IN ('freshness_objective_seconds', 'freshness_target_seconds', 'freshness_window_seconds', 'probe_every_seconds')
$$;

-- Everything received until then is in the sums that dashboards read; NULL before the first receiver ran. What waits in a
-- receiver holds it back.
CREATE FUNCTION genai.complete_to() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT w.complete_to FROM genai.watermark w
$$;
