-- Traces of the uncounted spans that are one call with counted ones. Parameter: calls.
SELECT DISTINCT uuid_send(s.trace_id) FROM unnest(%s::uuid[]) AS o (call)
JOIN _genai.sighting s ON s.of_call = o.call
