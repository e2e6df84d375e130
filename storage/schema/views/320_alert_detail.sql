-- What an alert says beside its numbers: the sentence, the driver's combination, and the link that shows both.

-- A baseline in hours as the dashboards' variable has it.
CREATE FUNCTION genai.baseline_text(p_hours double precision) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_hours IN (24, 168) THEN p_hours::integer || 'h' ELSE 'previous' END
$$;

-- The parameters of a link to a dashboard: the frozen window, environment, data mode, baseline, and the whole focus. What
-- belongs to no environment leaves the choice to the dashboard.
CREATE FUNCTION genai.alert_query(p_row genai.alert_row, p_focus jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 'from=' || (extract(epoch FROM (p_row).window_from) * 1000)::bigint
        || '&to=' || (extract(epoch FROM (p_row).window_to) * 1000)::bigint || '&timezone=utc'
        || CASE WHEN (p_row).env = '*' THEN '' ELSE '&var-env=' || genai.url_text((p_row).env) END || '&var-data_mode=' || genai.url_text((p_row).data_mode)
        || '&var-baseline=' || genai.baseline_text((p_row).baseline)
        || coalesce(string_agg('&var-' || f.name || '=' || genai.url_text(coalesce(nullif(f.own, ''), p_focus ->> f.name)), ''
            ORDER BY f.place), '')
    FROM (VALUES (1, 'service', (p_row).service), (2, 'endpoint', (p_row).endpoint), (3, 'prompt_version', (p_row).prompt_version),
        (4, 'tenant', (p_row).tenant), (5, 'user', (p_row)."user"), (6, 'model', (p_row).model)) f (place, name, own)
    WHERE coalesce(nullif(f.own, ''), p_focus ->> f.name) IS NOT NULL
$$;

-- The sentence and the focus of an alert about spend, as `genai.classify` tells them of its own window; no row for another
-- rule, or a row that is far from firing: the story takes a tenth of a second, and a condition in SQL would be looked at
-- only after it. A prompt version is told as its endpoint: only there it has a past. The focus is the first driver of what the
-- class is about, if it contains what the sentence names and makes half of the change; else that.
CREATE FUNCTION genai.alert_story(p_rule text, p_row genai.alert_row)
RETURNS TABLE (sentence text, class text, focus jsonb) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF p_row.score >= 0.8 AND p_rule IN ('cost_drift_endpoint', 'cost_drift_prompt', 'concentration_tenant',
        'concentration_user', 'burst_failing') THEN
        RETURN QUERY
        SELECT c.sentence, c.class, CASE WHEN d.driver @> n.named AND (d.driver ->> 'share_of_change')::float8 >= 0.5 THEN d.driver ELSE coalesce(n.named, d.driver) END
        FROM genai.classify(p_row.window_from, p_row.window_to, genai.baseline_text(p_row.baseline), p_row.env,
            p_row.data_mode, p_endpoint => nullif(p_row.endpoint, '')) c
        CROSS JOIN LATERAL (SELECT nullif(c.evidence -> 'focus', 'null') AS named) n
        CROSS JOIN LATERAL (
            SELECT coalesce(
                nullif(c.evidence -> CASE genai.measure_of(c.class) WHEN 'spend' THEN 'spend_driver' ELSE 'unit_driver' END, 'null'),
                nullif(c.evidence -> 'spend_driver', 'null'), nullif(c.evidence -> 'unit_driver', 'null')) AS driver
        ) d;
    END IF;
END
$$;

-- What goes with a row of a rule: `sentence` is '' where there is no story; `query` follows the `?` of a link; `runbook` is
-- the owner's, else our page's section. Whoever asks for many rows at once has a story told of the first few.
CREATE FUNCTION genai.alert_detail(p_rule text, p_row genai.alert_row, p_with_story boolean DEFAULT true)
RETURNS TABLE (sentence text, class text, query text, runbook text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(s.sentence, ''), coalesce(s.class, ''), genai.alert_query(p_row, s.focus), coalesce(
        (SELECT o.runbook FROM genai.owner o WHERE o.owner = (p_row).owner AND o.runbook IS NOT NULL ORDER BY o.runbook LIMIT 1),
        (SELECT rtrim(e.value, '/') || '/runbooks#' || replace(p_rule, '_', '-') FROM genai.setting e
            WHERE e.key = 'public_url' AND e.value <> ''), '')
    FROM (SELECT 1) one
    LEFT JOIN LATERAL genai.alert_story(CASE WHEN p_with_story THEN p_rule END, p_row) s ON true
$$;
