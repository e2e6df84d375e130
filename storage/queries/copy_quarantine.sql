COPY _genai.quarantine (received_at, trace_id, span_id, name, reason, detail) FROM STDIN (FORMAT binary)
