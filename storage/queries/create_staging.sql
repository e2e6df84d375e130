-- Once per connection (LEDGER §21): the batch as it arrives, and what it adds by minute and series.
CREATE TEMPORARY TABLE staging (
    minute             integer  NOT NULL,  -- since 2000
    latency_bucket     smallint NOT NULL,
    booked_series_id   bigint   NOT NULL,  -- as rollups know it: values beyond their day's cap are `__other__`
    facet_id           bigint   NOT NULL,  -- of the booked series
    booked_identity_id bigint   NOT NULL,
    awaits_ancestor    boolean  NOT NULL,  -- see insert_arrivals.sql
    LIKE _genai.model_call
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE slice (
    minute    integer NOT NULL,
    series_id bigint  NOT NULL,
    LIKE _genai.measure
) ON COMMIT DELETE ROWS
