-- ranges: storage/schema/measures.py
-- Usage by bucket and dimensions: what dashboards sum. Every measure is additive; cost_usd is exact.
-- Nothing below a level's floor is shown (LEDGER §11). A tag value beyond its day's cap is `__other__` (§12).

CREATE VIEW genai.usage_minute AS
SELECT
    u.bucket,
    s.environment, s.data_mode, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model,
    u.calls,
    {requests..output_image_tokens: coalesce(u.#, 0) AS #},
    {input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)} AS cost_pico_usd,
    ({input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)}) * 1e-12 AS cost_usd,
    {input_cost_pico_usd..latency_us_sum: coalesce(u.#, 0) AS #},
    coalesce(u.latency_us_sum, 0) * 1e-3::double precision AS latency_ms_sum,
    {latency_b00..latency_b23: coalesce(u.#, 0) AS #}
FROM _genai.usage_minute u LEFT JOIN _genai.series s ON s.id = u.series_id
WHERE u.bucket >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'minute');

CREATE VIEW genai.usage_hour AS
SELECT
    u.bucket,
    s.environment, s.data_mode, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model,
    u.calls,
    {requests..output_image_tokens: coalesce(u.#, 0) AS #},
    {input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)} AS cost_pico_usd,
    ({input_cost_pico_usd..other_cost_pico_usd+ coalesce(u.#, 0)}) * 1e-12 AS cost_usd,
    {input_cost_pico_usd..latency_us_sum: coalesce(u.#, 0) AS #},
    coalesce(u.latency_us_sum, 0) * 1e-3::double precision AS latency_ms_sum,
    {latency_b00..latency_b23: coalesce(u.#, 0) AS #}
FROM _genai.usage_hour u LEFT JOIN _genai.series s ON s.id = u.series_id
WHERE u.bucket >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'hour');
