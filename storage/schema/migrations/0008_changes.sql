-- What the ledger's proof needs of rows that moved (LEDGER §19).

-- The series a row was first booked under, where an amendment moved it to another; NULL: it never moved.
ALTER TABLE _genai.model_call ADD COLUMN first_series_id bigint;
