-- ranges: storage/schema/measures.py
-- Usage by identity: by hour with the endpoint, and by day without it once the hours are folded (LEDGER §9).

CREATE VIEW genai.usage_identity AS
SELECT
    u.bucket,
    s.environment, s.data_mode, i.tenant_id, i.user_id, s.endpoint_tag, s.provider, s.model,
    u.calls,
    {requests..output_image_tokens: coalesce(u.#, 0) AS #},
    {input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)} AS cost_pico_usd,
    ({input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)}) * 1e-12 AS cost_usd,
    {input_cost_pico_usd..latency_us_sum: coalesce(u.#, 0) AS #},
    coalesce(u.latency_us_sum, 0) * 1e-3::double precision AS latency_ms_sum,
    {latency_b00..latency_b23: coalesce(u.#, 0) AS #}
FROM _genai.usage_identity_hour u
LEFT JOIN _genai.series s ON s.id = u.series_id
LEFT JOIN _genai.identity i ON i.id = u.identity_id
WHERE u.bucket >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'identity_hour');

CREATE VIEW genai.usage_identity_day AS
SELECT
    u.bucket,
    s.environment, s.data_mode, i.tenant_id, i.user_id, s.provider, s.model,
    u.calls,
    {requests..output_image_tokens: coalesce(u.#, 0) AS #},
    {input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)} AS cost_pico_usd,
    ({input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)}) * 1e-12 AS cost_usd,
    {input_cost_pico_usd..latency_us_sum: coalesce(u.#, 0) AS #},
    coalesce(u.latency_us_sum, 0) * 1e-3::double precision AS latency_ms_sum,
    {latency_b00..latency_b23: coalesce(u.#, 0) AS #}
FROM _genai.usage_identity_day u
LEFT JOIN _genai.series s ON s.id = u.series_id
LEFT JOIN _genai.identity i ON i.id = u.identity_id
WHERE u.bucket >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'identity_day');
