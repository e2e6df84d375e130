-- Sums of whole weeks, Monday to Sunday UTC, of the sums of days (0015): the same cache one step further, for windows of a
-- month. A week may be read while it is not stale; whoever makes a day of it stale makes it stale too, in the same
-- transaction, and housekeeping sums it again when all of its days may be read (storage/upkeep/week_sums.py).

CREATE TABLE _genai.summed_week (
    level  text        NOT NULL CHECK (level IN ('hour', 'identity_hour')),  -- what its days were summed from
    bucket timestamptz NOT NULL,
    stale  boolean     NOT NULL,
    PRIMARY KEY (level, bucket)
);

CREATE TABLE _genai.usage_week (LIKE _genai.usage_day INCLUDING INDEXES);

-- No statistics of what is only summed, as in 0100.
DO $$
BEGIN
    EXECUTE (
        SELECT 'ALTER TABLE _genai.usage_week ' || string_agg(format('ALTER COLUMN %I SET STATISTICS 0', a.attname), ', ')
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = '_genai.usage_week'::regclass AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attname ~ '_tokens$|^latency_|._cost_pico_usd$');
END
$$;

CREATE TABLE _genai.usage_person_week (LIKE _genai.usage_person_day INCLUDING INDEXES);

-- As in 0015, and the week of the day beside it. Locks are of days and weeks apart, each holder of an exclusive one has no
-- other: nobody waits in a circle.
CREATE OR REPLACE FUNCTION _genai.make_day_stale() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed timestamptz := CASE TG_OP WHEN 'DELETE' THEN OLD.bucket ELSE NEW.bucket END;
    day timestamptz := pg_catalog.date_bin('24 hours', changed, 'epoch');
    week timestamptz := pg_catalog.date_bin('168 hours', changed, '1970-01-05 00:00:00+00');
    mark text := TG_ARGV[0] || pg_catalog.date_part('epoch', day);
BEGIN
    IF pg_catalog.current_setting('spanledger.stale_' || TG_ARGV[0], true) IS DISTINCT FROM mark THEN
        PERFORM pg_catalog.pg_advisory_xact_lock_shared(
            pg_catalog.hashtext('spanledger.day_sum'), (pg_catalog.date_part('epoch', day) / 86400)::integer);
        PERFORM pg_catalog.pg_advisory_xact_lock_shared(
            pg_catalog.hashtext('spanledger.week_sum'), (pg_catalog.date_part('epoch', week) / 86400)::integer);
        UPDATE _genai.summed_day d SET stale = true WHERE d.level = TG_ARGV[0] AND d.bucket = day AND NOT d.stale;
        UPDATE _genai.summed_week w SET stale = true WHERE w.level = TG_ARGV[0] AND w.bucket = week AND NOT w.stale;
        PERFORM pg_catalog.set_config('spanledger.stale_' || TG_ARGV[0], mark, true);
    END IF;
    RETURN NULL;
END $$;

-- Days by identity that were folded from hours are in weeks too.
CREATE TRIGGER make_day_stale AFTER INSERT OR UPDATE OR DELETE ON _genai.usage_identity_day
    FOR EACH ROW EXECUTE FUNCTION _genai.make_day_stale('identity_hour');
