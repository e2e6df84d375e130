-- This writer is alive, and the oldest call it still holds. Parameters: writer, receipt of that call or NULL.
INSERT INTO _genai.writer_mark (writer, seen_at, holds_from) VALUES (%s, now(), %s)
ON CONFLICT (writer) DO UPDATE SET seen_at = excluded.seen_at, holds_from = excluded.holds_from
