-- What only the last hours and days need. Parameter: days of quarantine and freshness.
WITH opened AS (
    DELETE FROM _genai.open_call o WHERE o.received_at < now() - interval '1 day'
), promoted AS (
    DELETE FROM _genai.promotion p WHERE p.time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
), marks AS (
    DELETE FROM _genai.writer_mark w WHERE w.seen_at < now() - interval '1 day'
), days AS (
    DELETE FROM _genai.dimension_day d
    WHERE d.day < (SELECT greatest(f.time, '2000-01-01') FROM _genai.floor f WHERE f.level = 'raw')::date
), refused AS (
    DELETE FROM _genai.quarantine q WHERE q.received_at < now() - %(days)s * interval '1 day'
)
DELETE FROM _genai.freshness_minute f WHERE f.minute < now() - %(days)s * interval '1 day'
