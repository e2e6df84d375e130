-- Rollups: additive bigint measures by bucket and dimensions, written in the ingest transaction (LEDGER §9).

-- The columns every rollup has; a pattern for LIKE, it never holds a row. NULL stands for zero (a mostly empty
-- histogram then costs bits, not bytes). The cost of a row is the sum of the five classes; `wasted` is the part
-- of it that calls without success cost. Histogram: bucket i holds latencies up to 100 ms * 2^(i/2), the last the rest.
CREATE TABLE _genai.measure (
    calls                     bigint NOT NULL,
    requests                  bigint,
    successes                 bigint,
    errors                    bigint,
    cancelled                 bigint,
    input_tokens              bigint,
    output_tokens             bigint,
    cache_read_tokens         bigint,
    cache_write_tokens        bigint,
    cache_write_1h_tokens     bigint,
    reasoning_tokens          bigint,
    input_audio_tokens        bigint,
    output_audio_tokens       bigint,
    input_image_tokens        bigint,
    output_image_tokens       bigint,
    input_cost_pico_usd       bigint,
    cache_read_cost_pico_usd  bigint,
    cache_write_cost_pico_usd bigint,
    output_cost_pico_usd      bigint,
    other_cost_pico_usd       bigint,
    wasted_cost_pico_usd      bigint,
    unpriced_calls            bigint,
    uncertain_calls           bigint,
    error_without_usage_calls bigint,
    latency_calls             bigint,
    latency_us_sum            bigint,
    latency_b00               bigint,
    latency_b01               bigint,
    latency_b02               bigint,
    latency_b03               bigint,
    latency_b04               bigint,
    latency_b05               bigint,
    latency_b06               bigint,
    latency_b07               bigint,
    latency_b08               bigint,
    latency_b09               bigint,
    latency_b10               bigint,
    latency_b11               bigint,
    latency_b12               bigint,
    latency_b13               bigint,
    latency_b14               bigint,
    latency_b15               bigint,
    latency_b16               bigint,
    latency_b17               bigint,
    latency_b18               bigint,
    latency_b19               bigint,
    latency_b20               bigint,
    latency_b21               bigint,
    latency_b22               bigint,
    latency_b23               bigint
);

-- Pages stay half empty for HOT updates of the newest buckets.
CREATE TABLE _genai.usage_minute (
    bucket    timestamptz NOT NULL,
    series_id bigint      NOT NULL,
    LIKE _genai.measure,
    PRIMARY KEY (bucket, series_id)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE _genai.usage_hour (
    bucket    timestamptz NOT NULL,
    series_id bigint      NOT NULL,
    LIKE _genai.measure,
    PRIMARY KEY (bucket, series_id)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX usage_hour_unpriced ON _genai.usage_hour (bucket) WHERE unpriced_calls IS NOT NULL;

-- By identity; `series_id` is a facet (no service, no prompt version).
CREATE TABLE _genai.usage_identity_hour (
    bucket      timestamptz NOT NULL,
    identity_id bigint      NOT NULL,
    series_id   bigint      NOT NULL,
    LIKE _genai.measure,
    PRIMARY KEY (bucket, identity_id, series_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- Folded from the hours when they are 35 days old; `series_id` is a line (environment, data mode, provider, model).
CREATE TABLE _genai.usage_identity_day (
    bucket      timestamptz NOT NULL,
    identity_id bigint      NOT NULL,
    series_id   bigint      NOT NULL,
    LIKE _genai.measure,
    PRIMARY KEY (bucket, identity_id, series_id)
);
