-- A sum that stays bigint. sum(bigint) goes through numeric, which made every upsert of a rollup row 1-2 us dearer;
-- NULL without values, and an overflow is an error, as it should be.
CREATE AGGREGATE _genai.total (bigint) (SFUNC = pg_catalog.int8pl, STYPE = bigint, PARALLEL = SAFE,
    COMBINEFUNC = pg_catalog.int8pl);
