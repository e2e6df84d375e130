-- Tables of calls, chunks too, that hold rows and were never analysed: plans over them are guesses.
WITH RECURSIVE tree (id) AS (
    SELECT '_genai.model_call'::regclass::oid
    UNION ALL
    SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.id = i.inhparent
)
SELECT format('%I.%I', n.nspname, c.relname)
FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.id JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.reltuples < 0 AND pg_catalog.pg_relation_size(c.oid) > 0
