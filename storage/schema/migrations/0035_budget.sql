-- Budgets: what the file in force asks for, what each scope spent, and when a limit was crossed (docs/budgets.md).

-- Which calls a budget counts. `first` and `second` are values of the dimensions in `dimension` (`tenant`,
-- `tenant,model`; '' is everything). A scope that holds values beyond their day's cap has `__other__` in both.
CREATE TABLE _genai.budget_scope (
    id          bigint PRIMARY KEY,          -- hash of the columns below
    environment text COLLATE "C" NOT NULL,   -- one, several with commas, or *
    data_mode   text COLLATE "C" NOT NULL,
    dimension   text COLLATE "C" NOT NULL,
    first       text COLLATE "C" NOT NULL,
    second      text COLLATE "C" NOT NULL,
    in_use      boolean NOT NULL             -- a budget in force, or the folded part of its dimension
);

CREATE TABLE _genai.budget (
    name          text COLLATE "C" PRIMARY KEY,
    scope_id      bigint  NOT NULL REFERENCES _genai.budget_scope,
    place         integer NOT NULL,          -- in the file
    owner         text,
    warning_ratio numeric NOT NULL,
    since         timestamptz NOT NULL       -- periods that had ended by then are not judged
);

-- A state is reached when the spend of a period is at least `reached_pico_usd`: the ratio of the limit for a warning, one
-- pico-dollar above the limit for the others. A unit cost is reached by spend ÷ count, from `min_count` on.
CREATE TABLE _genai.budget_threshold (
    budget           text COLLATE "C" NOT NULL REFERENCES _genai.budget ON DELETE CASCADE,
    period           text COLLATE "C" NOT NULL CHECK (period IN ('hour', 'day', 'month')),
    state            text COLLATE "C" NOT NULL CHECK (state IN ('warning', 'exceeded', 'spend_alert')),
    measure          text COLLATE "C" NOT NULL CHECK (measure IN ('spend', 'unit_cost')),
    limit_pico_usd   numeric NOT NULL,
    reached_pico_usd numeric NOT NULL,
    min_count        bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (budget, period, state, measure, limit_pico_usd)
);

-- What a scope spent on a day, from the hours: read as it stands while the day is sealed with the version of its sums.
CREATE TABLE _genai.budget_day (
    scope_id        bigint      NOT NULL,
    day             timestamptz NOT NULL,
    calls           bigint      NOT NULL,
    requests        bigint      NOT NULL,
    unpriced_calls  bigint      NOT NULL,
    uncertain_calls bigint      NOT NULL,
    cost_pico_usd   numeric     NOT NULL,
    PRIMARY KEY (scope_id, day)
) WITH (fillfactor = 80);
CREATE INDEX budget_day_day ON _genai.budget_day (day);

-- Days that are summed for all scopes of a kind (`scopes` is their hash), of the sums of the day in `version`.
CREATE TABLE _genai.budget_sealed (
    environment text COLLATE "C" NOT NULL,
    data_mode   text COLLATE "C" NOT NULL,
    dimension   text COLLATE "C" NOT NULL,
    day         timestamptz NOT NULL,
    version     bigint NOT NULL,
    scopes      bigint NOT NULL,
    PRIMARY KEY (environment, data_mode, dimension, day)
);

-- The running period of each budget as it was last judged.
CREATE TABLE _genai.budget_state (
    budget          text COLLATE "C" NOT NULL REFERENCES _genai.budget ON DELETE CASCADE,
    scope_id        bigint NOT NULL,
    period          text COLLATE "C" NOT NULL,
    period_start    timestamptz NOT NULL,
    calls           bigint  NOT NULL,
    requests        bigint  NOT NULL,
    unpriced_calls  bigint  NOT NULL,
    uncertain_calls bigint  NOT NULL,
    unread_spans    bigint  NOT NULL,
    is_folded       boolean NOT NULL,        -- calls beyond the day's cap may belong to it
    cost_pico_usd   numeric NOT NULL,
    week_pico_usd   numeric,                 -- spend of the last full days, and how many there are (at most seven)
    full_days       integer,
    PRIMARY KEY (budget, period)
) WITH (fillfactor = 50);

-- A state reached, once per period and limit.
CREATE TABLE _genai.budget_event (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    budget           text COLLATE "C" NOT NULL,
    scope_id         bigint NOT NULL,
    owner            text,
    period           text COLLATE "C" NOT NULL,
    period_start     timestamptz NOT NULL,
    period_end       timestamptz NOT NULL,
    state            text COLLATE "C" NOT NULL,
    measure          text COLLATE "C" NOT NULL,
    limit_pico_usd   numeric NOT NULL,
    reached_pico_usd numeric NOT NULL,
    noticed_at       timestamptz NOT NULL,
    is_late          boolean NOT NULL,        -- noticed when the period was closed: never pages
    cost_pico_usd    numeric NOT NULL,        -- when it was noticed
    count            bigint  NOT NULL,
    at_least         boolean NOT NULL,
    crossed_at       timestamptz,             -- start of the call that crossed, in the order of starts
    cleared_at       timestamptz,             -- noticed that the spend is below again: a correction
    cleared_pico_usd numeric,
    returned_at      timestamptz,             -- reached again after that; no further event
    acknowledged_at  timestamptz,
    acknowledged_by  text,
    day_mark         text,                    -- what `crossed_at` was found in: found again when it changes
    hour_mark        text,
    UNIQUE (budget, period, period_start, state, measure, limit_pico_usd, scope_id)
);
CREATE INDEX budget_event_noticed_at ON _genai.budget_event (noticed_at);

CREATE TABLE _genai.budget_run (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    judged_at    timestamptz NOT NULL,
    milliseconds bigint NOT NULL,
    file_id      bigint           -- the version of the file that was judged (_genai.operator_file)
);

-- Which sums a day has: another number whenever they are summed again.
ALTER TABLE _genai.summed_day ADD COLUMN version bigint;
