-- ranges: storage/schema/measures.py
-- One row per counted call (columns: docs/architecture.md, DESIGN §3). Joins are LEFT so that the planner drops
-- those whose columns no query asks for.
CREATE VIEW genai.model_call AS
SELECT
    m.time,
    m.received_at,
    m.call_key,
    -- A log record without a trace has ids of its own making, which lead nowhere.
    CASE WHEN m.flags & 131072 = 0 OR m.parent_span_id IS NOT NULL
        THEN replace(m.trace_id::text, '-', '') END AS trace_id,
    CASE WHEN m.flags & 131072 = 0 OR m.parent_span_id IS NOT NULL
        THEN lpad(to_hex(m.span_id), 16, '0') END AS span_id,
    lpad(to_hex(m.parent_span_id), 16, '0') AS parent_span_id,
    m.external_request_id,
    m.response_id,
    m.conversation_id,
    m.attempt::integer AS attempt,
    s.provider,
    s.model,
    genai.model_family(s.model) AS model_family,
    h.request_model,
    h.operation,
    s.endpoint_tag,
    s.prompt_version,
    i.user_id,
    i.tenant_id,
    s.environment,
    s.data_mode,
    s.service_name,
    {input_tokens..output_image_tokens: m.#},
    m.input_cached_audio_tokens,
    m.input_cached_image_tokens,
    CASE m.usage_source WHEN 1 THEN 'provider' WHEN 2 THEN 'estimated' ELSE 'missing' END AS usage_source,
    m.latency_us * 1e-3::double precision AS latency_ms,
    m.time_to_first_token_us * 1e-3::double precision AS time_to_first_token_ms,
    CASE m.status WHEN 1 THEN 'success' WHEN 2 THEN 'error' ELSE 'cancelled' END AS status,
    h.error_type,
    h.http_status,
    h.streaming,
    h.service_tier,
    m.reported_cost_pico_usd * 1e-12 AS reported_cost_usd,
    m.requests::integer AS requests,
    m.cost_pico_usd * 1e-12 AS cost_usd,
    m.cost_pico_usd,
    m.input_cost_pico_usd,
    m.cache_read_cost_pico_usd,
    m.cache_write_cost_pico_usd,
    m.output_cost_pico_usd,
    m.other_cost_pico_usd,
    CASE m.price_status
        WHEN 1 THEN 'priced' WHEN 2 THEN 'free' WHEN 3 THEN 'estimated' WHEN 4 THEN 'unpriced_model'
        WHEN 5 THEN 'no_usage' WHEN 6 THEN 'bad_usage' ELSE 'error_without_usage'
    END AS price_status,
    m.price_vector_id,
    m.price_map_id,
    m.first_cost_pico_usd,
    array_remove(ARRAY[
        CASE WHEN m.flags & 1 <> 0 THEN 'clock_moved' END,
        CASE WHEN m.flags & 2 <> 0 THEN 'response_repeated' END,
        CASE WHEN m.flags & 4 <> 0 THEN 'usage_normalised' END,
        CASE WHEN m.flags & 8 <> 0 THEN 'usage_invalid' END,
        CASE WHEN m.flags & 16 <> 0 THEN 'usage_lossy' END,
        CASE WHEN m.flags & 32 <> 0 THEN 'estimate_unmarked' END,
        CASE WHEN m.flags & 64 <> 0 THEN 'several_calls' END,
        CASE WHEN m.flags & 128 <> 0 THEN 'raw_identity' END,
        CASE WHEN m.flags & 256 <> 0 THEN 'text_cut' END,
        CASE WHEN m.flags & 512 <> 0 THEN 'text_cleaned' END,
        CASE WHEN m.flags & 1024 <> 0 THEN 'cache_price_assumed' END,
        CASE WHEN m.flags & 2048 <> 0 THEN 'latency_unknown' END,
        CASE WHEN m.flags & 4096 <> 0 THEN 'promoted' END,
        CASE WHEN m.flags & 8192 <> 0 THEN 'cost_uncertain' END,
        CASE WHEN m.flags & 16384 <> 0 THEN 'usage_ambiguous' END,
        CASE WHEN m.flags & 32768 <> 0 THEN 'rate_missing' END,
        CASE WHEN m.flags & 65536 <> 0 THEN 'data_mode_unknown' END,
        CASE WHEN m.flags & 131072 <> 0 THEN 'from_log' END,
        CASE WHEN m.flags & 262144 <> 0 THEN 'modality_unknown' END,
        CASE WHEN m.flags & 524288 <> 0 THEN 'region_priced' END,
        CASE WHEN m.flags & 1048576 <> 0 THEN 'tier_assumed' END,
        CASE WHEN m.flags & 2097152 <> 0 THEN 'fees_missing' END,
        CASE WHEN m.flags & 4194304 <> 0 THEN 'bill_differs' END
    ], NULL) AS flags,
    r.dialect,
    r.sources,
    m.claimed_time,
    h.request_id_given
FROM _genai.model_call m
LEFT JOIN _genai.series s ON s.id = m.series_id
LEFT JOIN _genai.identity i ON i.id = m.identity_id
LEFT JOIN _genai.shape h ON h.id = m.shape_id
LEFT JOIN _genai.reading r ON r.id = h.reading_id
WHERE m.merged_into IS NULL
    -- In a CASE, since a second bound of `time` makes the planner believe that a day has two hundred times fewer calls.
    AND CASE WHEN m.time >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw') THEN true END;
