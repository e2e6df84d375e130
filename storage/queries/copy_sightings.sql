COPY _genai.sighting (
    received_at, trace_id, span_id, parent_span_id, wrapper, of_call, of_time, name, reason, tags, call, attributes
) FROM STDIN (FORMAT binary)
