-- No statistics of columns that are only summed or shown: no plan asks for them, and sampling them was half of what
-- autovacuum's ANALYZE costs a ledger that grows. Those of what queries filter and join by stay.
DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['usage_minute', 'usage_hour', 'usage_identity_hour', 'usage_identity_day',
            'usage_day', 'model_call'] LOOP
        EXECUTE (
            SELECT format('ALTER TABLE _genai.%I ', v_table)
                || string_agg(format('ALTER COLUMN %I SET STATISTICS 0', a.attname), ', ')
            FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = format('_genai.%I', v_table)::regclass AND a.attnum > 0 AND NOT a.attisdropped
                AND (a.attname ~ '_tokens$|^latency_|._cost_pico_usd$'
                    OR a.attname IN ('claimed_time', 'time_to_first_token_us', 'price_vector_id', 'price_map_id', 'attempt',
                        'span_id', 'parent_span_id', 'external_request_id', 'response_id'))
        );
    END LOOP;
END
$$;

-- Found by an index or not at all, whatever they hold; a unique key needs no statistics to be known as unique.
ALTER TABLE _genai.call_key SET (autovacuum_analyze_scale_factor = 0.5),
    ALTER COLUMN key SET STATISTICS 0, ALTER COLUMN call SET STATISTICS 0, ALTER COLUMN time SET STATISTICS 0;
ALTER TABLE _genai.open_call SET (autovacuum_analyze_scale_factor = 0.5),
    ALTER COLUMN span_id SET STATISTICS 0, ALTER COLUMN parent_span_id SET STATISTICS 0,
    ALTER COLUMN call SET STATISTICS 0, ALTER COLUMN time SET STATISTICS 0;
