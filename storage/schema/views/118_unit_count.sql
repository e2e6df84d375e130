-- What a cost is divided by: unknown is not free, so what has no price is in no divisor (LEDGER §14).

-- Requests, of a series' rows: those calls without a price leave with the requests that they answered; a refused call counts
-- with the request that it was tried for. Calls: those that have a price, refused ones are nobody's cost.
CREATE FUNCTION genai.unit_count(
    p_per_call boolean, p_requests numeric, p_calls numeric, p_unpriced numeric, p_refused numeric
) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_per_call THEN greatest(p_calls - coalesce(p_unpriced, 0) - coalesce(p_refused, 0), 0)
        WHEN coalesce(p_unpriced, 0) = 0 THEN p_requests
        ELSE p_requests * greatest(p_calls - coalesce(p_refused, 0) - p_unpriced, 0)
            / nullif(p_calls - coalesce(p_refused, 0), 0) END
$$;
