-- ranges: storage/schema/measures.py
-- What windows are summed from: every level in one layout, by ids instead of text, NULL for zero. A sum over ids costs half
-- of one over joined text, and a comparison of months reads 100 000 rows. Nothing here looks at the floors: the ranges of
-- a window never reach below them, and a condition on them would spoil the planner's estimates.

CREATE VIEW genai.series AS
SELECT s.id, s.environment, s.data_mode, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model
FROM _genai.series s;

CREATE VIEW genai.identity AS
SELECT i.id, i.tenant_id, i.user_id FROM _genai.identity i;

-- Days whose sums hold: of the hours (`hour`, measured_day) and of the hours by identity (measured_person_day).
CREATE VIEW genai.summed_day AS
SELECT d.level, d.bucket FROM _genai.summed_day d WHERE NOT d.stale;

CREATE VIEW genai.measured_day AS
SELECT u.bucket, u.series_id, NULL::bigint AS identity_id, {calls..latency_b23: u.#} FROM _genai.usage_day u;

-- Weeks, Monday to Sunday UTC, whose sums hold, and these: of days (`hour`, measured_week), of days by person
-- (`identity_hour`, measured_person_week).
CREATE VIEW genai.summed_week AS
SELECT w.level, w.bucket FROM _genai.summed_week w WHERE NOT w.stale;

CREATE VIEW genai.measured_week AS
SELECT u.bucket, u.series_id, NULL::bigint AS identity_id, {calls..latency_b23: u.#} FROM _genai.usage_week u;

CREATE VIEW genai.measured_hour AS
SELECT u.bucket, u.series_id, NULL::bigint AS identity_id, {calls..latency_b23: u.#} FROM _genai.usage_hour u;

CREATE VIEW genai.measured_minute AS
SELECT u.bucket, u.series_id, NULL::bigint AS identity_id, {calls..latency_b23: u.#} FROM _genai.usage_minute u;

-- A person's day has no series: spend and counts only, the whole cost as `other_cost_pico_usd`.
CREATE VIEW genai.measured_person_day AS
SELECT u.bucket, u.identity_id, u.environment, u.data_mode, {calls..errors: u.#}, NULL::bigint AS cancelled,
    {input_tokens..output_tokens: u.#}, {cache_read_tokens..output_cost_pico_usd: NULL::bigint AS #},
    u.cost_pico_usd AS other_cost_pico_usd, NULL::bigint AS wasted_cost_pico_usd, u.unpriced_calls,
    {uncertain_calls..latency_b23: NULL::bigint AS #}
FROM _genai.usage_person_day u;

CREATE VIEW genai.measured_person_week AS
SELECT u.bucket, u.identity_id, u.environment, u.data_mode, {calls..errors: u.#}, u.unpriced_calls, u.cost_pico_usd
FROM _genai.usage_person_week u;

CREATE VIEW genai.measured_identity_hour AS
SELECT u.bucket, u.series_id, u.identity_id, {calls..latency_b23: u.#} FROM _genai.usage_identity_hour u;

CREATE VIEW genai.measured_identity_day AS
SELECT u.bucket, u.series_id, u.identity_id, {calls..latency_b23: u.#} FROM _genai.usage_identity_day u;

CREATE VIEW genai.measured_call AS
SELECT u.time AS bucket, u.series_id, u.identity_id, {calls..latency_b23: u.#}, u.latency_bucket FROM _genai.booked u;

-- A sum that stays bigint and skips NULL for nothing; sum(bigint) goes through numeric.
CREATE AGGREGATE genai.total (bigint) (
    SFUNC = pg_catalog.int8pl, STYPE = bigint, COMBINEFUNC = pg_catalog.int8pl, PARALLEL = SAFE
);
