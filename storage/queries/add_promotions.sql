-- The keys that wrappers leave behind when they are counted. Parameters: traces, spans, calls, times.
INSERT INTO _genai.promotion (trace_id, span_id, call, time)
SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::timestamptz[]) ON CONFLICT DO NOTHING
