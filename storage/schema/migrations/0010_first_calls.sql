-- Calls that a closed day's first bookings counted: merged duplicates are among them, promoted wrappers are not
-- (LEDGER §19). NULL in lines that were written before: as many as `calls`.
ALTER TABLE _genai.day_close ADD COLUMN first_calls bigint;
