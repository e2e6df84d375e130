-- ranges: storage/schema/measures.py
-- What the summaries hold at this moment: the rows, less the postings that still wait for the folder. In one snapshot the two
-- are equal, always (LEDGER §9).

DROP VIEW IF EXISTS _genai.summed CASCADE;
CREATE VIEW _genai.summed AS
SELECT b.time, b.series_id, b.identity_id, {calls..latency_b23: b.#} FROM _genai.booked b
UNION ALL
SELECT w.time, w.series_id, w.identity_id, {calls..latency_b23: -w.#}
FROM (
    SELECT '2000-01-01 00:00:00+00'::timestamptz + p.minute * interval '1 minute' AS time, p.series_id, p.identity_id,
        {calls..latency_b23= p row}
    FROM _genai.posting p
) w;

-- Everything acknowledged before `sums_to` is in the summaries. A transaction's postings bear its begin, so what is
-- acknowledged later may bear an earlier time and still not be missing here. `received_to`: the same by the receipt of
-- calls. Behind more than 100 000 postings the folder's own mark says it, since it leaves nothing older behind.
CREATE VIEW genai.sums_to AS
SELECT CASE WHEN w.calls > 100000 THEN s.sums_to ELSE coalesce(w.oldest, now()) END AS sums_to,
    CASE WHEN w.calls > 100000 THEN least(s.sums_to, w.received) ELSE coalesce(w.received, now()) END AS received_to,
    w.calls AS waiting_calls, s.folded_at
FROM _genai.fold_state s, (
    SELECT count(*) AS calls, min(p.at) AS oldest,
        min(p.at - coalesce(p.waited_us, 0) * interval '1 microsecond') AS received
    FROM (SELECT q.at, q.waited_us FROM _genai.posting q LIMIT 100001) p
) w;
