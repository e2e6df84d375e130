COPY _genai.arrival (trace_id, span_id, parent_span_id, call, time, received_at) FROM STDIN (FORMAT binary)
