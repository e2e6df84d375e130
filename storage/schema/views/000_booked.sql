-- What each row adds to the rollups, and under which ids: the one definition that the checker, amendments and
-- the ragged edges of windows use. Ingest computes the same from its staging table (queries/measure_batch.sql).

DROP VIEW IF EXISTS _genai.booked CASCADE;
CREATE VIEW _genai.booked AS
SELECT
    m.time, m.received_at, m.call_key,
    coalesce(fs.booked_id, m.series_id) AS series_id,
    coalesce(fi.booked_id, m.identity_id) AS identity_id,
    1::bigint AS calls, m.requests::bigint AS requests,
    CASE WHEN m.status = 1 THEN 1 END::bigint AS successes,
    CASE WHEN m.status = 2 THEN 1 END::bigint AS errors,
    CASE WHEN m.status = 3 THEN 1 END::bigint AS cancelled, {input_tokens..output_image_tokens: m.#::bigint AS #},
    m.input_cost_pico_usd AS input_cost_pico_usd, m.cache_read_cost_pico_usd AS cache_read_cost_pico_usd,
    m.cache_write_cost_pico_usd AS cache_write_cost_pico_usd, m.output_cost_pico_usd AS output_cost_pico_usd,
    m.other_cost_pico_usd AS other_cost_pico_usd,
    CASE WHEN m.status <> 1 THEN m.cost_pico_usd END AS wasted_cost_pico_usd,
    CASE WHEN m.price_status = 4 THEN 1 END::bigint AS unpriced_calls,
    CASE WHEN m.price_status IN (3, 5, 6) OR m.flags & 8192 <> 0 THEN 1 END::bigint AS uncertain_calls,
    CASE WHEN m.price_status = 7 THEN 1 END::bigint AS error_without_usage_calls,
    CASE WHEN m.latency_us IS NOT NULL THEN 1 END::bigint AS latency_calls, m.latency_us AS latency_us_sum,
    CASE WHEN b.latency_bucket = 0 THEN 1 END::bigint AS latency_b00,
    CASE WHEN b.latency_bucket = 1 THEN 1 END::bigint AS latency_b01,
    CASE WHEN b.latency_bucket = 2 THEN 1 END::bigint AS latency_b02,
    CASE WHEN b.latency_bucket = 3 THEN 1 END::bigint AS latency_b03,
    CASE WHEN b.latency_bucket = 4 THEN 1 END::bigint AS latency_b04,
    CASE WHEN b.latency_bucket = 5 THEN 1 END::bigint AS latency_b05,
    CASE WHEN b.latency_bucket = 6 THEN 1 END::bigint AS latency_b06,
    CASE WHEN b.latency_bucket = 7 THEN 1 END::bigint AS latency_b07,
    CASE WHEN b.latency_bucket = 8 THEN 1 END::bigint AS latency_b08,
    CASE WHEN b.latency_bucket = 9 THEN 1 END::bigint AS latency_b09,
    CASE WHEN b.latency_bucket = 10 THEN 1 END::bigint AS latency_b10,
    CASE WHEN b.latency_bucket = 11 THEN 1 END::bigint AS latency_b11,
    CASE WHEN b.latency_bucket = 12 THEN 1 END::bigint AS latency_b12,
    CASE WHEN b.latency_bucket = 13 THEN 1 END::bigint AS latency_b13,
    CASE WHEN b.latency_bucket = 14 THEN 1 END::bigint AS latency_b14,
    CASE WHEN b.latency_bucket = 15 THEN 1 END::bigint AS latency_b15,
    CASE WHEN b.latency_bucket = 16 THEN 1 END::bigint AS latency_b16,
    CASE WHEN b.latency_bucket = 17 THEN 1 END::bigint AS latency_b17,
    CASE WHEN b.latency_bucket = 18 THEN 1 END::bigint AS latency_b18,
    CASE WHEN b.latency_bucket = 19 THEN 1 END::bigint AS latency_b19,
    CASE WHEN b.latency_bucket = 20 THEN 1 END::bigint AS latency_b20,
    CASE WHEN b.latency_bucket = 21 THEN 1 END::bigint AS latency_b21,
    CASE WHEN b.latency_bucket = 22 THEN 1 END::bigint AS latency_b22,
    CASE WHEN b.latency_bucket = 23 THEN 1 END::bigint AS latency_b23
FROM _genai.model_call m
CROSS JOIN LATERAL (
    -- Histogram bucket: i for up to 100 ms * 2^(i/2), 23 for everything above 204.8 s (storage/ingest/staging_row.py). No function of
    -- ours: a view's functions need the rights of who reads it.
    SELECT width_bucket(m.latency_us - 1, '{100000,141421,200000,282843,400000,565685,800000,1131371,1600000,2262742,'
        '3200000,4525483,6400000,9050967,12800000,18101934,25600000,36203867,51200000,72407734,102400000,144815469,'
        '204800000}'::bigint[]) AS latency_bucket
) b
LEFT JOIN _genai.fold fs ON m.folded <> 0 AND fs.id = m.series_id AND fs.folded = m.folded & 127::smallint
LEFT JOIN _genai.fold fi ON m.folded <> 0 AND fi.id = m.identity_id AND fi.folded = m.folded & 384::smallint
WHERE m.merged_into IS NULL;
