-- What alert rules are measured by: their defaults, what `rules.yaml` sets, and whom `owners.yaml` names (docs/alerts.md).

-- The defaults; the same as in processor/alerting/catalogue.py, which a test holds them to.
CREATE VIEW genai.alert_default AS
SELECT v.rule, v.threshold, v.minimum, v.minimum_usd
FROM (VALUES
    ('burst_failing', 2::float8, 100::float8, NULL::float8),
    ('budget_exceeded', 1, NULL, NULL),
    ('spend_rate', 1, NULL, NULL),
    ('freshness', 300, NULL, NULL),
    ('ledger_unreadable', 1, NULL, NULL),
    ('cost_drift_endpoint', 1.5, 50, 1),
    ('cost_drift_prompt', 1.5, 50, 1),
    ('concentration_tenant', 0.4, 100, 1),
    ('concentration_user', 0.25, 100, 1),
    ('budget_warning', 1, NULL, NULL),
    ('spend_alert', 1, NULL, NULL),
    ('telemetry_silent', 0.95, 30, NULL),
    ('ingest_rejects', 10, NULL, NULL),
    ('rollup_mismatch', 1, NULL, NULL),
    ('unpriced_model', 1, NULL, NULL),
    ('uncertain_usage', 0.05, 50, NULL),
    ('unknown_data_mode', 1, NULL, NULL),
    ('sender_lag', 180, 10, NULL),
    ('duplicate_deliveries', 0.2, 100, NULL),
    ('watchdog', 1, NULL, NULL)
) v (rule, threshold, minimum, minimum_usd);

-- What the file in force sets; a dimension that is NULL stands for all. `place` is the order in the file.
CREATE VIEW genai.alert_setting AS
SELECT s.rule, s.service, s.endpoint, s.prompt_version, s.tenant, s."user", s.model, s.enabled, s.threshold, s.minimum,
    s.minimum_usd, num_nonnulls(s.service, s.endpoint, s.prompt_version, s.tenant, s."user", s.model) AS dimensions, s.place
FROM genai.operator_file f
CROSS JOIN LATERAL ROWS FROM (jsonb_to_recordset(f.content -> 'settings') AS (
    rule text, service text, endpoint text, prompt_version text, tenant text, "user" text, model text, enabled boolean,
    threshold float8, minimum float8, minimum_usd float8)) WITH ORDINALITY s (
    rule, service, endpoint, prompt_version, tenant, "user", model, enabled, threshold, minimum, minimum_usd, place)
WHERE f.kind = 'rules';

-- The limits of a rule for one combination: each from the setting that names most dimensions, then from the later one.
CREATE FUNCTION genai.alert_limit(
    p_rule text, p_service text DEFAULT NULL, p_endpoint text DEFAULT NULL, p_prompt_version text DEFAULT NULL,
    p_tenant text DEFAULT NULL, p_user text DEFAULT NULL, p_model text DEFAULT NULL
) RETURNS TABLE (enabled boolean, threshold double precision, minimum double precision, minimum_usd double precision)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce((array_agg(s.enabled ORDER BY s.dimensions DESC, s.place DESC) FILTER (WHERE s.enabled IS NOT NULL))[1], true),
        coalesce((array_agg(s.threshold ORDER BY s.dimensions DESC, s.place DESC) FILTER (WHERE s.threshold IS NOT NULL))[1],
            min(d.threshold)),
        coalesce((array_agg(s.minimum ORDER BY s.dimensions DESC, s.place DESC) FILTER (WHERE s.minimum IS NOT NULL))[1],
            min(d.minimum)),
        coalesce((array_agg(s.minimum_usd ORDER BY s.dimensions DESC, s.place DESC) FILTER (WHERE s.minimum_usd IS NOT NULL))[1],
            min(d.minimum_usd))
    FROM genai.alert_default d
    LEFT JOIN genai.alert_setting s ON s.rule = d.rule
        AND coalesce(s.service = p_service, s.service IS NULL) AND coalesce(s.endpoint = p_endpoint, s.endpoint IS NULL)
        AND coalesce(s.prompt_version = p_prompt_version, s.prompt_version IS NULL)
        AND coalesce(s.tenant = p_tenant, s.tenant IS NULL) AND coalesce(s."user" = p_user, s."user" IS NULL)
        AND coalesce(s.model = p_model, s.model IS NULL)
    WHERE d.rule = p_rule
$$;

-- Owners as the file in force names them; `endpoint` is a prefix.
CREATE VIEW genai.owner AS
SELECT o.service, o.endpoint, o.owner, o.channel, o.escalation, o.runbook, o.reviewed
FROM genai.operator_file f
CROSS JOIN LATERAL jsonb_to_recordset(f.content -> 'owners') AS o (
    service text, endpoint text, owner text, channel text, escalation text, runbook text, reviewed date)
WHERE f.kind = 'owners';

-- Who owns the spend of an endpoint or service: the longest prefix, then the service, then the entry with neither.
-- No row: nobody.
CREATE FUNCTION genai.owner_of(p_service text, p_endpoint text)
RETURNS SETOF genai.owner LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT o.* FROM genai.owner o
    WHERE starts_with(p_endpoint, o.endpoint) OR o.service = p_service OR o.service IS NULL AND o.endpoint IS NULL
    ORDER BY length(o.endpoint) DESC NULLS LAST, o.service NULLS LAST
    LIMIT 1
$$;
