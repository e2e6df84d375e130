-- Sums of whole days, for windows of weeks: a cache of the hours, never a second truth. A day may be read while it is
-- not stale; whoever changes an hour of it makes it stale in the same transaction, and housekeeping sums it again
-- (storage/upkeep/day_sums.py). Days are summed hours after their end, so that only late rows and changes meet them.

CREATE TABLE _genai.summed_day (
    level  text        NOT NULL CHECK (level IN ('hour', 'identity_hour')),  -- what was summed
    bucket timestamptz NOT NULL,
    stale  boolean     NOT NULL,
    PRIMARY KEY (level, bucket)
);

CREATE TABLE _genai.usage_day (
    bucket    timestamptz NOT NULL,
    series_id bigint      NOT NULL,
    LIKE _genai.measure,
    PRIMARY KEY (bucket, series_id)
);

-- Only what panels about people sum, without model and endpoint: a user's day is one row.
CREATE TABLE _genai.usage_person_day (
    bucket         timestamptz NOT NULL,
    identity_id    bigint      NOT NULL,
    environment    text COLLATE "C" NOT NULL,
    data_mode      text COLLATE "C" NOT NULL,
    calls          bigint      NOT NULL,
    requests       bigint,
    successes      bigint,
    errors         bigint,
    input_tokens   bigint,
    output_tokens  bigint,
    unpriced_calls bigint,
    cost_pico_usd  bigint      NOT NULL,
    PRIMARY KEY (bucket, identity_id, environment, data_mode)
);

-- A change of an hour. The shared lock makes a day's summing wait for changes that it cannot see yet, and these wait
-- for it. Once per transaction, day and level: the setting, which ends with the transaction, remembers the last.
CREATE FUNCTION _genai.make_day_stale() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed timestamptz := CASE TG_OP WHEN 'DELETE' THEN OLD.bucket ELSE NEW.bucket END;
    day timestamptz := pg_catalog.date_bin('24 hours', changed, 'epoch');
    mark text := TG_ARGV[0] || pg_catalog.date_part('epoch', day);
BEGIN
    IF pg_catalog.current_setting('spanledger.stale_' || TG_ARGV[0], true) IS DISTINCT FROM mark THEN
        PERFORM pg_catalog.pg_advisory_xact_lock_shared(
            pg_catalog.hashtext('spanledger.day_sum'), (pg_catalog.date_part('epoch', day) / 86400)::integer);
        UPDATE _genai.summed_day d SET stale = true WHERE d.level = TG_ARGV[0] AND d.bucket = day AND NOT d.stale;
        PERFORM pg_catalog.set_config('spanledger.stale_' || TG_ARGV[0], mark, true);
    END IF;
    RETURN NULL;
END $$;

-- Rows of the last two hours, which is nearly all that ingest writes, call nothing: no day is summed that early.
CREATE TRIGGER make_day_stale AFTER INSERT OR UPDATE ON _genai.usage_hour
    FOR EACH ROW WHEN (NEW.bucket < now() - interval '2 hours') EXECUTE FUNCTION _genai.make_day_stale('hour');
CREATE TRIGGER make_day_stale_deleted AFTER DELETE ON _genai.usage_hour
    FOR EACH ROW EXECUTE FUNCTION _genai.make_day_stale('hour');
CREATE TRIGGER make_day_stale AFTER INSERT OR UPDATE ON _genai.usage_identity_hour
    FOR EACH ROW WHEN (NEW.bucket < now() - interval '2 hours') EXECUTE FUNCTION _genai.make_day_stale('identity_hour');
CREATE TRIGGER make_day_stale_deleted AFTER DELETE ON _genai.usage_identity_hour
    FOR EACH ROW EXECUTE FUNCTION _genai.make_day_stale('identity_hour');
