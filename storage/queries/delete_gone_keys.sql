-- Every key that led to a call which is gone, and what late binding kept of it.
WITH opened AS (
    DELETE FROM _genai.open_call o USING pg_temp.gone g WHERE o.call = g.call
), promoted AS (
    DELETE FROM _genai.promotion p USING pg_temp.gone g WHERE p.call = g.call
), arrived AS (
    DELETE FROM _genai.arrival a USING pg_temp.gone g WHERE a.call = g.call
)
DELETE FROM _genai.call_key k USING pg_temp.gone g WHERE k.call = g.call
