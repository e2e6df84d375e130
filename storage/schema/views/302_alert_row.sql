-- The answer of every alert rule, `genai.alert_<rule>(p_now, p_place)`: one row per combination that it looked at, the
-- highest score first, at most 200, and a last row that is always quiet, so that no data and all well differ.

-- A score of 1 fires, below 0.8 resolves. Dimensions that a rule does not tell apart are ''. `baseline` is its distance
-- back in hours, 0 for the equal window before; -1 where the rule has none.
CREATE TYPE genai.alert_row AS (
    env text, data_mode text, service text, endpoint text, prompt_version text, tenant text, "user" text, model text,
    scope text, owner text, score double precision, value double precision, threshold double precision,
    baseline double precision, window_from timestamptz, window_to timestamptz
);

-- Windows end here: calls are booked at their start and arrive after their end, so that the newest minutes hold mostly
-- calls that failed fast.
CREATE FUNCTION genai.alert_end(p_now timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT date_bin('1 minute', p_now, 'epoch') - interval '3 minutes'
$$;

-- Whether data belong to a place: `prod` is environment prod with real data, `elsewhere` everything else, but
-- for the probe's requests, which are nobody's. Only what looks at `prod` may wake somebody.
CREATE FUNCTION genai.is_at_place(p_place text, p_env text, p_data_mode text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (p_env = 'prod' AND p_data_mode = 'real') = (p_place = 'prod') AND NOT genai.is_probe(p_env)
$$;

-- The rows of a rule in their order, and the quiet row. Two rows with the same labels are an error in Grafana, which then
-- evaluates nothing of the rule: of these, the one with the newest window is kept.
CREATE FUNCTION genai.alert_rows(p_rows genai.alert_row[], p_from timestamptz, p_to timestamptz)
RETURNS SETOF genai.alert_row LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    (SELECT r.* FROM (
        SELECT DISTINCT ON (u.env, u.data_mode, u.service, u.endpoint, u.prompt_version, u.tenant, u."user", u.model, u.scope, u.owner) u.*
        FROM unnest(p_rows) u
        ORDER BY u.env, u.data_mode, u.service, u.endpoint, u.prompt_version, u.tenant, u."user", u.model, u.scope, u.owner,
            u.window_to DESC, u.score DESC
    ) r ORDER BY r.score DESC, r.value DESC LIMIT 200)
    UNION ALL
    SELECT '', '', '', '', '', '', '', '', '', '', 0, 0, 0, -1, p_from, p_to
$$;

-- A number that Grafana can take: never NULL, never infinite.
CREATE FUNCTION genai.alert_number(p_value double precision) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(greatest(least(p_value, 1e12), -1e12), 0)
$$;
