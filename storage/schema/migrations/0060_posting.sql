-- Postings: what each call, and each amendment of one, adds to the summaries; the folder sums them (storage/postings).
-- Ingest only appends: no index. Columns that hold nothing cost a bit each.
CREATE TABLE _genai.posting (
    at                        timestamptz NOT NULL DEFAULT now(),  -- begin of the transaction: one for all of it
    waited_us                 bigint,             -- from the receipt of the call to `at`; NULL: not to be measured
    series_id                 bigint   NOT NULL,  -- as booked: values beyond their day's cap are `__other__`
    facet_id                  bigint   NOT NULL,
    identity_id               bigint   NOT NULL,
    minute                    integer  NOT NULL,  -- since 2000
    flags                     integer  NOT NULL,
    n                         smallint NOT NULL,  -- 1; -1: what was booked is taken back, every amount negative
    requests                  smallint NOT NULL,
    status                    smallint NOT NULL,
    price_status              smallint NOT NULL,
    latency_bucket            smallint,
    input_tokens              integer,
    output_tokens             integer,
    cache_read_tokens         integer,
    cache_write_tokens        integer,
    cache_write_1h_tokens     integer,
    reasoning_tokens          integer,
    input_audio_tokens        integer,
    output_audio_tokens       integer,
    input_image_tokens        integer,
    output_image_tokens       integer,
    input_cost_pico_usd       bigint,
    cache_read_cost_pico_usd  bigint,
    cache_write_cost_pico_usd bigint,
    output_cost_pico_usd      bigint,
    other_cost_pico_usd       bigint,
    latency_us                bigint
);

-- Postings that no summary has room for: a sum beyond bigint. Their calls stand, the checker of sums tells the difference.
CREATE TABLE _genai.posting_refused (LIKE _genai.posting);

-- Up to when the summaries hold every committed transaction (`at` of its postings), and when this was last looked at.
CREATE TABLE _genai.fold_state (
    one       boolean     PRIMARY KEY DEFAULT true CHECK (one),
    sums_to   timestamptz NOT NULL DEFAULT now(),
    folded_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 10);
INSERT INTO _genai.fold_state DEFAULT VALUES;

-- Keys are copied in; their receipt is the begin of the transaction.
ALTER TABLE _genai.call_key ALTER COLUMN received_at SET DEFAULT now();
