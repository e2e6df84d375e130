-- Minutes of unread usage below the floor of the minutes become hours.
WITH old AS (
    DELETE FROM _genai.unread u
    WHERE u.bucket < (SELECT f.time FROM _genai.floor f WHERE f.level = 'minute')
        AND u.bucket <> date_bin('1 hour', u.bucket, 'epoch')
    RETURNING u.*
)
INSERT INTO _genai.unread AS u (bucket, source_id, spans, first_at, last_at)
SELECT date_bin('1 hour', o.bucket, 'epoch'), o.source_id, sum(o.spans), min(o.first_at), max(o.last_at)
FROM old o
GROUP BY 1, o.source_id
ORDER BY 1, o.source_id
ON CONFLICT (bucket, source_id) DO UPDATE SET
    spans = u.spans + excluded.spans, first_at = least(u.first_at, excluded.first_at),
    last_at = greatest(u.last_at, excluded.last_at)
