-- The ledger itself: calls, their keys, and the dictionaries that their dimensions are coded in.
-- Written for PostgreSQL 15; schema _genai exists already (storage/schema/migrate.py). With TimescaleDB `model_call` becomes a hypertable (LEDGER §24).

-- Dictionaries (LEDGER §21). An id is a 63-bit hash of the row's other columns, so a writer knows it without asking.

-- One row per combination of dimensions. '' in a column says that this row does not tell its values apart:
-- `facet_id` names the row without service and prompt version, `line_id` the one of (environment, data mode,
-- provider, model). A missing tag is 'unknown', never ''.
CREATE TABLE _genai.series (
    id             bigint PRIMARY KEY,
    facet_id       bigint NOT NULL,
    line_id        bigint NOT NULL,
    environment    text COLLATE "C" NOT NULL,
    data_mode      text COLLATE "C" NOT NULL,
    service_name   text COLLATE "C" NOT NULL,
    endpoint_tag   text COLLATE "C" NOT NULL,
    prompt_version text COLLATE "C" NOT NULL,
    provider       text COLLATE "C" NOT NULL,
    model          text COLLATE "C" NOT NULL
);

CREATE TABLE _genai.identity (
    id        bigint PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    user_id   text COLLATE "C" NOT NULL
);
CREATE INDEX identity_tenant ON _genai.identity (tenant_id);
CREATE INDEX identity_user ON _genai.identity (user_id);

-- How a span was read: one row per set of source attributes. `sources` is a list of [field, attribute, rank].
CREATE TABLE _genai.reading (
    id      bigint PRIMARY KEY,
    dialect text COLLATE "C" NOT NULL,
    sources jsonb NOT NULL
);

-- What else hardly varies from call to call.
CREATE TABLE _genai.shape (
    id               bigint PRIMARY KEY,
    reading_id       bigint NOT NULL,
    http_status      integer,
    streaming        boolean,
    request_id_given boolean NOT NULL,
    operation        text COLLATE "C" NOT NULL,
    request_model    text COLLATE "C",
    service_tier     text COLLATE "C",
    error_type       text COLLATE "C"
);

-- Under which id a value beyond its day's cap is booked: `folded` holds one bit per dimension that became
-- `__other__` (order of the columns of series, then tenant, user). `id` is a series or an identity.
CREATE TABLE _genai.fold (
    id        bigint   NOT NULL,
    folded    smallint NOT NULL,
    booked_id bigint   NOT NULL,
    PRIMARY KEY (id, folded)
);

-- Admission is data (LEDGER §12).
CREATE TABLE _genai.dimension_day (
    day       date     NOT NULL,
    dimension smallint NOT NULL,
    value     text COLLATE "C" NOT NULL,
    PRIMARY KEY (day, dimension, value)
);

-- The oldest kept bucket per level. Writers read it FOR SHARE, retention raises it first (LEDGER §11).
CREATE TABLE _genai.floor (
    level text COLLATE "C" PRIMARY KEY
        CHECK (level IN ('raw', 'minute', 'hour', 'identity_hour', 'identity_day')),
    time  timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO _genai.floor (level) VALUES ('raw'), ('minute'), ('hour'), ('identity_hour'), ('identity_day');

-- Uniqueness of calls and of logical requests (LEDGER §3, §5); `call` and `time` find the row.
CREATE TABLE _genai.call_key (
    key         uuid PRIMARY KEY,
    call        uuid NOT NULL,
    time        timestamptz NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX call_key_received_at ON _genai.call_key USING brin (received_at);

-- One row per counted call. Fixed width first; no unique index and no foreign keys (LEDGER §24).
-- A row is found by (time, call_key). Codes: the CASEs of genai.model_call.
CREATE TABLE _genai.model_call (
    time                      timestamptz NOT NULL,
    received_at               timestamptz NOT NULL,
    call_key                  uuid        NOT NULL,
    series_id                 bigint      NOT NULL,
    identity_id               bigint      NOT NULL,
    shape_id                  bigint      NOT NULL,
    flags                     integer     NOT NULL,
    folded                    smallint    NOT NULL,
    status                    smallint    NOT NULL,
    usage_source              smallint    NOT NULL,
    price_status              smallint    NOT NULL,
    requests                  smallint    NOT NULL,
    attempt                   smallint,
    price_map_id              integer,
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
    price_vector_id           bigint,
    latency_us                bigint,
    time_to_first_token_us    bigint,
    cost_pico_usd             bigint,
    input_cost_pico_usd       bigint,
    cache_read_cost_pico_usd  bigint,
    cache_write_cost_pico_usd bigint,
    output_cost_pico_usd      bigint,
    other_cost_pico_usd       bigint,
    first_cost_pico_usd       bigint,      -- as booked at ingest; never changed (LEDGER §19)
    reported_cost_pico_usd    bigint,
    span_id                   bigint,      -- 8 bytes as a signed number; NULL for a direct report
    parent_span_id            bigint,
    trace_id                  uuid,        -- 16 bytes
    claimed_time              timestamptz, -- the start that the sender claimed, where the clock was moved
    merged_into               uuid,        -- the call that this row proved to be a duplicate of (LEDGER §6)
    external_request_id       text,
    response_id               text,
    conversation_id           text,
    completed                 jsonb,       -- fields taken from other spans: {field: [rank, span id]} (LEDGER §6)
    CONSTRAINT a_cost_exactly_when_the_status_has_one CHECK (
        price_status BETWEEN 1 AND 7 AND (price_status <= 3) = (cost_pico_usd IS NOT NULL)),
    CONSTRAINT cost_is_the_sum_of_its_classes CHECK (
        cost_pico_usd IS NOT DISTINCT FROM input_cost_pico_usd + cache_read_cost_pico_usd
            + cache_write_cost_pico_usd + output_cost_pico_usd + other_cost_pico_usd),
    CONSTRAINT cost_is_never_negative CHECK (cost_pico_usd >= 0),
    CONSTRAINT status_is_known CHECK (status BETWEEN 1 AND 3 AND usage_source BETWEEN 1 AND 3),
    CONSTRAINT a_call_counts_at_most_one_request CHECK (requests BETWEEN 0 AND 1)
);
CREATE INDEX model_call_time ON _genai.model_call (time);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM create_hypertable('_genai.model_call', by_range('time', interval '1 day'),
                                  create_default_indexes => false);
    END IF;
END
$$;
