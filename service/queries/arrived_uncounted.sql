-- arrived_uncounted: spans of GenAI interest that were not counted, and what was refused for good, with the reason.
SELECT received_at, name, reason, trace_id, span_id, refused
FROM (
    SELECT received_at, name, reason, trace_id, span_id, false AS refused
    FROM genai.sighting WHERE received_at > %(after)s
    UNION ALL
    SELECT received_at, name, reason || ': ' || detail, trace_id, span_id, true
    FROM genai.quarantine WHERE received_at > %(after)s
) AS arrived
ORDER BY received_at, span_id
LIMIT %(limit)s
