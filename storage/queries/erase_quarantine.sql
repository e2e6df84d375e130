-- The value as a whole word in what was refused. Parameter: pattern.
UPDATE _genai.quarantine q SET
    name = regexp_replace(q.name, %(pattern)s, '__erased__', 'g'),
    detail = regexp_replace(q.detail, %(pattern)s, '__erased__', 'g')
WHERE q.name ~ %(pattern)s OR q.detail ~ %(pattern)s
