-- What dashboards and the command line need beside the usage.

-- The oldest bucket shown per level; 1970 where nothing was ever taken away.
CREATE VIEW genai.floor AS SELECT f.level, greatest(f.time, '1970-01-01 00:00:00+00') AS time FROM _genai.floor f;

CREATE VIEW genai.setting AS SELECT s.key, s.value, s.updated_at FROM _genai.setting s;

CREATE VIEW genai.quarantine AS
SELECT q.received_at, encode(q.trace_id, 'hex') AS trace_id, encode(q.span_id, 'hex') AS span_id, q.name, q.reason,
    q.detail
FROM _genai.quarantine q;

-- Spans that were read and not counted, as long as they are kept (minutes).
CREATE VIEW genai.sighting AS
SELECT s.received_at, replace(s.trace_id::text, '-', '') AS trace_id, lpad(to_hex(s.span_id), 16, '0') AS span_id,
    lpad(to_hex(s.parent_span_id), 16, '0') AS parent_span_id, s.name, s.reason, s.wrapper, s.of_call
FROM _genai.sighting s;

-- From receipt to visible, in calls per minute and histogram bucket; `up_to_ms` is infinite for the last bucket.
CREATE VIEW genai.freshness_minute AS
SELECT f.minute, f.bucket::integer AS bucket, f.calls,
    CASE WHEN f.bucket < 39 THEN power(2, f.bucket / 2.0::double precision)
        ELSE 'infinity'::double precision END AS up_to_ms
FROM _genai.freshness_minute f;

-- Everything received until `complete_to` is counted and in the summaries. `holds_from` is a receiver's own time, as the stamps
-- of receipt are; where its clock is ahead, ours bounds it. A writer silent for 30 s is dead: what it held was never
-- acknowledged and comes again with a later receipt: should it live and commit after all, its mark fails (`writer_lapsed`).
CREATE VIEW genai.watermark AS
SELECT
    least(
        coalesce(min(least(w.holds_from, w.seen_at)) FILTER (WHERE w.seen_at > now() - interval '30 seconds'),
            max(w.seen_at)),
        CASE WHEN count(*) > 0 THEN (SELECT s.received_to FROM genai.sums_to s WHERE s.waiting_calls > 0) END) AS complete_to,
    count(*) FILTER (WHERE w.seen_at > now() - interval '30 seconds') AS live_writers,
    max(w.seen_at) AS seen_at
FROM _genai.writer_mark w;

-- Models without a price, from the hour rollup: exact, and there with the commit that stored the first call.
-- `first_seen` and `last_seen` are hours.
CREATE VIEW genai.unpriced_model AS
SELECT s.provider, s.model, s.environment, s.data_mode, min(u.bucket) AS first_seen, max(u.bucket) AS last_seen,
    sum(u.unpriced_calls)::bigint AS calls
FROM _genai.usage_hour u JOIN _genai.series s ON s.id = u.series_id
WHERE u.unpriced_calls IS NOT NULL AND u.unpriced_calls > 0
    AND u.bucket >= (SELECT f.time FROM _genai.floor f WHERE f.level = 'hour')
GROUP BY s.provider, s.model, s.environment, s.data_mode;

CREATE VIEW genai.price_map AS
SELECT p.id, p.sha256, p.base, p.file_sha256, p.code_version, p.loaded_at, p.loaded_by FROM _genai.price_map p;

CREATE VIEW genai.price_vector AS
SELECT v.id, v.map_id, v.provider, v.model, v.service_tier, v.valid_from, v.valid_to, v.threshold_tokens,
    v.threshold_inclusive, v.coefficients, v.above, v.source, v.source_url, v.checked_at
FROM _genai.price_vector v;

CREATE VIEW genai.ledger_run AS
SELECT r.id, r.kind, r.started_at, r.finished_at, r.started_by, r.why, r.calls, r.parameters
FROM _genai.ledger_run r;

CREATE VIEW genai.ledger_line AS
SELECT l.run_id, l.at, l.kind, l.day, l.environment, l.data_mode, l.provider, l.model, l.calls, l.cost_pico_usd
FROM _genai.ledger_line l;

CREATE VIEW genai.day_close AS
SELECT d.day, d.environment, d.data_mode, d.provider, d.model, d.calls, d.cost_pico_usd, d.first_cost_pico_usd,
    d.closed_at
FROM _genai.day_close d;
