-- ranges: storage/schema/measures.py
-- One row per call in the columns of the usage views: the ragged edges of exact windows (LEDGER §9).
CREATE VIEW genai.usage_call AS
SELECT
    u.time AS bucket,
    s.environment, s.data_mode, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model,
    i.tenant_id, i.user_id,
    u.calls,
    {requests..output_image_tokens: coalesce(u.#, 0) AS #},
    {input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)} AS cost_pico_usd,
    ({input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)}) * 1e-12 AS cost_usd,
    {input_cost_pico_usd..latency_us_sum: coalesce(u.#, 0) AS #},
    coalesce(u.latency_us_sum, 0) * 1e-3::double precision AS latency_ms_sum,
    {latency_b00..latency_b23: coalesce(u.#, 0) AS #}
FROM _genai.booked u
LEFT JOIN _genai.series s ON s.id = u.series_id
LEFT JOIN _genai.identity i ON i.id = u.identity_id
WHERE u.time >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw');
