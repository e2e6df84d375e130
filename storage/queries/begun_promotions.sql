-- Traces in which a promotion was begun and not finished: a binder died in between.
SELECT DISTINCT uuid_send(s.trace_id) FROM _genai.promotion p
JOIN _genai.sighting s ON s.trace_id = p.trace_id AND s.span_id = p.span_id AND s.wrapper
