-- The rows go; their keys follow when all are gone. Parameters: first and last time.
WITH gone AS (
    DELETE FROM _genai.model_call m USING pg_temp.amended a
    WHERE m.time = a.time AND m.call_key = a.call_key AND m.time >= %(first)s AND m.time <= %(last)s
    RETURNING m.call_key
)
INSERT INTO pg_temp.gone (call) SELECT g.call_key FROM gone g
