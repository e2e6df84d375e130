-- What the running service keeps beside the ledger.

-- A loaded set of prices, and the vectors a cost can be recomputed from in SQL (reference: docs/pricing.md).
CREATE TABLE _genai.price_map (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256       text COLLATE "C" NOT NULL UNIQUE,   -- of all compiled vectors
    base         text NOT NULL,                      -- package and version of the default prices
    file_sha256  text COLLATE "C",                   -- of the YAML on top, NULL without one
    code_version text NOT NULL,
    loaded_at    timestamptz NOT NULL DEFAULT now(),
    loaded_by    text NOT NULL DEFAULT ''
);

CREATE TABLE _genai.price_vector (
    id                  bigint PRIMARY KEY,
    map_id              integer NOT NULL REFERENCES _genai.price_map,   -- the first map that held it
    provider            text COLLATE "C" NOT NULL,
    model               text COLLATE "C" NOT NULL,
    service_tier        text COLLATE "C",
    valid_from          timestamptz NOT NULL DEFAULT '-infinity',
    valid_to            timestamptz NOT NULL DEFAULT 'infinity',
    threshold_tokens    bigint,                       -- input tokens at which `above` replaces `coefficients`
    threshold_inclusive boolean NOT NULL DEFAULT false,
    coefficients        jsonb NOT NULL,               -- {class: pico-USD per token}
    above               jsonb,
    source              text NOT NULL,
    source_url          text,
    checked_at          date
);
CREATE INDEX price_vector_model ON _genai.price_vector (provider, model);

-- From the receiver's stamp to the commit that made rows visible: a histogram by minute (LEDGER §22).
-- Bucket i holds durations up to 1 ms * 2^(i/2), the last the rest.
CREATE TABLE _genai.freshness_minute (
    minute timestamptz NOT NULL,
    bucket smallint    NOT NULL,
    calls  bigint      NOT NULL,
    PRIMARY KEY (minute, bucket)
) WITH (fillfactor = 50);

CREATE TABLE _genai.setting (
    key        text COLLATE "C" PRIMARY KEY,
    value      text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Only a hash of the secret is kept (DESIGN §9).
CREATE TABLE _genai.api_key (
    id           text COLLATE "C" PRIMARY KEY,
    name         text NOT NULL,
    secret_hash  bytea NOT NULL UNIQUE,
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);

-- Jobs that one process runs at a time: the holder renews, anybody takes what has run out (LEDGER §17).
CREATE TABLE _genai.lease (
    job        text COLLATE "C" PRIMARY KEY,
    holder     text NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Live writers and the oldest call each still holds uncommitted: "everything received until T is counted".
CREATE TABLE _genai.writer_mark (
    writer     uuid PRIMARY KEY,
    seen_at    timestamptz NOT NULL,
    holds_from timestamptz
);
