-- Instead of a writer's mark that comes five seconds before the watermark stops waiting for it, or later: `mark_writer` calls it.
-- It is no part of the contract, whose functions are replaced while writers go on.
CREATE FUNCTION _genai.writer_lapsed() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN
    RAISE 'the watermark no longer waits for this writer' USING ERRCODE = 'SL001';
END $$;
