-- What `compare` sums: every level in one layout, by ids instead of text, NULL for zero. A sum over ids costs half
-- of one over joined text, and a comparison of months reads several 100 000 rows. Nothing here looks at the floors:
-- the ranges of a window never reach below them, and a condition on them would spoil the planner's estimates.

CREATE VIEW genai.series AS
SELECT s.id, s.environment, s.data_mode, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model
FROM _genai.series s;

CREATE VIEW genai.identity AS
SELECT i.id, i.tenant_id, i.user_id FROM _genai.identity i;

CREATE VIEW genai.measured_hour AS
SELECT
    u.bucket, u.series_id, NULL::bigint AS identity_id,
    u.calls, u.requests, u.successes, u.errors, u.input_tokens, u.output_tokens, u.cache_read_tokens,
    u.cache_write_tokens, u.input_cost_pico_usd, u.cache_read_cost_pico_usd, u.cache_write_cost_pico_usd,
    u.output_cost_pico_usd, u.other_cost_pico_usd, u.wasted_cost_pico_usd, u.unpriced_calls, u.uncertain_calls,
    u.error_without_usage_calls, u.latency_b00, u.latency_b01, u.latency_b02, u.latency_b03, u.latency_b04,
    u.latency_b05, u.latency_b06, u.latency_b07, u.latency_b08, u.latency_b09, u.latency_b10, u.latency_b11,
    u.latency_b12, u.latency_b13, u.latency_b14, u.latency_b15, u.latency_b16, u.latency_b17, u.latency_b18,
    u.latency_b19, u.latency_b20, u.latency_b21, u.latency_b22, u.latency_b23
FROM _genai.usage_hour u;

CREATE VIEW genai.measured_minute AS
SELECT
    u.bucket, u.series_id, NULL::bigint AS identity_id,
    u.calls, u.requests, u.successes, u.errors, u.input_tokens, u.output_tokens, u.cache_read_tokens,
    u.cache_write_tokens, u.input_cost_pico_usd, u.cache_read_cost_pico_usd, u.cache_write_cost_pico_usd,
    u.output_cost_pico_usd, u.other_cost_pico_usd, u.wasted_cost_pico_usd, u.unpriced_calls, u.uncertain_calls,
    u.error_without_usage_calls, u.latency_b00, u.latency_b01, u.latency_b02, u.latency_b03, u.latency_b04,
    u.latency_b05, u.latency_b06, u.latency_b07, u.latency_b08, u.latency_b09, u.latency_b10, u.latency_b11,
    u.latency_b12, u.latency_b13, u.latency_b14, u.latency_b15, u.latency_b16, u.latency_b17, u.latency_b18,
    u.latency_b19, u.latency_b20, u.latency_b21, u.latency_b22, u.latency_b23
FROM _genai.usage_minute u;

CREATE VIEW genai.measured_identity_hour AS
SELECT
    u.bucket, u.series_id, u.identity_id,
    u.calls, u.requests, u.successes, u.errors, u.input_tokens, u.output_tokens, u.cache_read_tokens,
    u.cache_write_tokens, u.input_cost_pico_usd, u.cache_read_cost_pico_usd, u.cache_write_cost_pico_usd,
    u.output_cost_pico_usd, u.other_cost_pico_usd, u.wasted_cost_pico_usd, u.unpriced_calls, u.uncertain_calls,
    u.error_without_usage_calls, u.latency_b00, u.latency_b01, u.latency_b02, u.latency_b03, u.latency_b04,
    u.latency_b05, u.latency_b06, u.latency_b07, u.latency_b08, u.latency_b09, u.latency_b10, u.latency_b11,
    u.latency_b12, u.latency_b13, u.latency_b14, u.latency_b15, u.latency_b16, u.latency_b17, u.latency_b18,
    u.latency_b19, u.latency_b20, u.latency_b21, u.latency_b22, u.latency_b23
FROM _genai.usage_identity_hour u;

CREATE VIEW genai.measured_identity_day AS
SELECT
    u.bucket, u.series_id, u.identity_id,
    u.calls, u.requests, u.successes, u.errors, u.input_tokens, u.output_tokens, u.cache_read_tokens,
    u.cache_write_tokens, u.input_cost_pico_usd, u.cache_read_cost_pico_usd, u.cache_write_cost_pico_usd,
    u.output_cost_pico_usd, u.other_cost_pico_usd, u.wasted_cost_pico_usd, u.unpriced_calls, u.uncertain_calls,
    u.error_without_usage_calls, u.latency_b00, u.latency_b01, u.latency_b02, u.latency_b03, u.latency_b04,
    u.latency_b05, u.latency_b06, u.latency_b07, u.latency_b08, u.latency_b09, u.latency_b10, u.latency_b11,
    u.latency_b12, u.latency_b13, u.latency_b14, u.latency_b15, u.latency_b16, u.latency_b17, u.latency_b18,
    u.latency_b19, u.latency_b20, u.latency_b21, u.latency_b22, u.latency_b23
FROM _genai.usage_identity_day u;

CREATE VIEW genai.measured_call AS
SELECT
    u.time AS bucket, u.series_id, u.identity_id,
    u.calls, u.requests, u.successes, u.errors, u.input_tokens, u.output_tokens, u.cache_read_tokens,
    u.cache_write_tokens, u.input_cost_pico_usd, u.cache_read_cost_pico_usd, u.cache_write_cost_pico_usd,
    u.output_cost_pico_usd, u.other_cost_pico_usd, u.wasted_cost_pico_usd, u.unpriced_calls, u.uncertain_calls,
    u.error_without_usage_calls, u.latency_b00, u.latency_b01, u.latency_b02, u.latency_b03, u.latency_b04,
    u.latency_b05, u.latency_b06, u.latency_b07, u.latency_b08, u.latency_b09, u.latency_b10, u.latency_b11,
    u.latency_b12, u.latency_b13, u.latency_b14, u.latency_b15, u.latency_b16, u.latency_b17, u.latency_b18,
    u.latency_b19, u.latency_b20, u.latency_b21, u.latency_b22, u.latency_b23
FROM _genai.booked u;

-- A sum that stays bigint and skips NULL for nothing; sum(bigint) goes through numeric.
CREATE AGGREGATE genai.total (bigint) (
    SFUNC = pg_catalog.int8pl, STYPE = bigint, COMBINEFUNC = pg_catalog.int8pl, PARALLEL = SAFE
);
