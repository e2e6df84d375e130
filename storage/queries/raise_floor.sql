-- Waits for the writers that have read the old floor, and is the last word for all later ones (LEDGER §11).
-- Parameters: time, level.
UPDATE _genai.floor f SET time = greatest(f.time, %s) WHERE f.level = %s
