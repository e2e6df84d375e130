-- Whose a change is (LEDGER §25).

-- The drivers among cells. `p_judged` are these cells as `judged_cells` gives them, so that both measures share them.
CREATE FUNCTION genai.drivers_among(
    p_cells genai.usage_cell[], p_judged genai.judged_cell[], p_measure text, p_limit integer, p_with_drift boolean
) RETURNS SETOF genai.driver_row LANGUAGE plpgsql STABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_searched genai.change_cell[] := ARRAY(
        SELECT CASE p_measure WHEN 'spend' THEN j.spend ELSE j.unit END FROM unnest(p_judged) j);
    v_found genai.found_driver[];
    v_cells genai.driver_cell[];
    v_drift double precision;
    v_change double precision;
BEGIN
    v_found := ARRAY(
        SELECT f FROM genai.find_drivers(v_searched, genai.combination_masks(
            ARRAY(SELECT s.key FROM unnest(v_searched) s),
            p_cells[1].source NOT IN ('series'))) f);
    v_cells := ARRAY(SELECT d FROM genai.driver_cells(p_cells, p_judged, v_searched, v_found) d);
    SELECT coalesce(sum(c.now) FILTER (WHERE c.place IS NULL) / nullif(sum(c.before) FILTER (WHERE c.place IS NULL), 0),
            min(c.drift), 1),
        sum(c.now) FILTER (WHERE c.own) - sum(c.before) FILTER (WHERE c.own)
    INTO v_drift, v_change FROM unnest(v_cells) c;
    IF v_found[1].place IS NOT NULL THEN
        RETURN QUERY SELECT d.* FROM genai.driver_rows(v_cells, v_drift, v_change) d WHERE d.place <= p_limit ORDER BY d.place;
    END IF;
    IF p_with_drift THEN
        RETURN QUERY SELECT d.* FROM genai.drift_row(v_cells, v_drift, v_change) d;
    END IF;
END
$$;

CREATE FUNCTION genai.drivers(
    p_from timestamptz, p_to timestamptz, p_env text DEFAULT 'prod', p_measure text DEFAULT 'spend',
    p_baseline text DEFAULT 'previous', p_data_mode text DEFAULT 'real', p_endpoint text DEFAULT NULL,
    p_prompt_version text DEFAULT NULL, p_user text DEFAULT NULL, p_tenant text DEFAULT NULL,
    p_model text DEFAULT NULL, p_provider text DEFAULT NULL, p_service text DEFAULT NULL, p_limit integer DEFAULT 6,
    p_with_drift boolean DEFAULT false
) RETURNS SETOF genai.driver_row LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_cells genai.usage_cell[] := genai.cells_of_change(
        p_from, p_to, p_baseline, p_env, p_data_mode, p_endpoint, p_prompt_version, p_user, p_tenant, p_model, p_provider,
        p_service);
BEGIN
    IF v_cells IS NOT NULL THEN
        RETURN QUERY SELECT d.* FROM genai.drivers_among(
            v_cells, ARRAY(SELECT j FROM genai.judged_cells(v_cells) j ORDER BY j.id), p_measure, p_limit, p_with_drift) d;
    END IF;
END
$$;
