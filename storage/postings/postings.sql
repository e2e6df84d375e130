-- The statements of storage/postings, each named, with a sentence on what it does (storage/statements.py).

-- fold --
-- One fold (storage/schema/views/002_fold.sql). Parameter: about how many postings at most.
SELECT f.taken, f.received, f.calls FROM _genai.fold(%s) f


-- set_aside --
-- The oldest transaction's postings leave for the table of those that no summary has room for.
WITH gone AS (
    DELETE FROM _genai.posting p WHERE p.at = (SELECT min(q.at) FROM _genai.posting q) RETURNING p.*
)
INSERT INTO _genai.posting_refused SELECT g.* FROM gone g


-- clock --
-- The database's clock: what was committed before is visible now.
SELECT clock_timestamp()


-- vacuum --
-- The pages of postings that were taken are free for the next ones; the file keeps its length.
VACUUM (SKIP_LOCKED, TRUNCATE FALSE, PROCESS_TOAST FALSE) _genai.posting


-- shrink --
-- As vacuum, and the file gives back what it does not need.
VACUUM (SKIP_LOCKED, PROCESS_TOAST FALSE) _genai.posting


-- posting_bytes --
-- How long the file of the postings is.
SELECT pg_relation_size('_genai.posting')


-- add_freshness --
-- Parameters: minutes (timestamptz[]), histogram buckets, calls.
INSERT INTO _genai.freshness_minute AS f (minute, bucket, calls)
SELECT o.minute, o.bucket, o.calls FROM unnest(%s::timestamptz[], %s::smallint[], %s::bigint[]) AS o (minute, bucket, calls)
ORDER BY o.minute, o.bucket
ON CONFLICT (minute, bucket) DO UPDATE SET calls = f.calls + excluded.calls
