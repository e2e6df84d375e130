-- ranges: storage/schema/measures.py
-- What each row adds to the summaries, and under which ids: the one definition that the checker, amendments and the ragged
-- edges of windows use. Ingest sends the same as a posting (storage/ingest/call_row.py). The last columns are what a posting
-- is made of beside the measures. `key` was `call_key` before there were postings: an amender of that time, which changes
-- summaries itself, fails here instead of meeting a folder.

DROP VIEW IF EXISTS _genai.booked CASCADE;
CREATE VIEW _genai.booked AS
SELECT
    m.time, m.received_at, m.call_key AS key,
    coalesce(fs.booked_id, m.series_id) AS series_id,
    coalesce(fi.booked_id, m.identity_id) AS identity_id,
    {calls..latency_b23= m row},
    m.flags, m.status, m.price_status, m.latency_bucket
FROM (
    -- Histogram bucket: i for up to 100 ms * 2^(i/2), 23 for everything above 204.8 s (storage/ingest/call_row.py). No function of
    -- ours: a view's functions need the rights of who reads it.
    SELECT c.*, 1 AS n, width_bucket(c.latency_us - 1, '{100000,141421,200000,282843,400000,565685,800000,1131371,1600000,2262742,'
        '3200000,4525483,6400000,9050967,12800000,18101934,25600000,36203867,51200000,72407734,102400000,144815469,'
        '204800000}'::bigint[]) AS latency_bucket
    FROM _genai.model_call c
) m
LEFT JOIN _genai.fold fs ON m.folded <> 0 AND fs.id = m.series_id AND fs.folded = m.folded & 127::smallint
LEFT JOIN _genai.fold fi ON m.folded <> 0 AND fi.id = m.identity_id AND fi.folded = m.folded & 384::smallint
WHERE m.merged_into IS NULL;
