-- Files that operators keep under review (rules.yaml, owners.yaml, budgets.yaml): every version that was ever in force.
-- The newest row of a kind is in force, from `loaded_at` until the next one. A file that was taken away leaves a row
-- without text.
CREATE TABLE _genai.operator_file (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind      text COLLATE "C" NOT NULL,
    sha256    text COLLATE "C" NOT NULL,   -- of the file's bytes; empty without a file
    text      text NOT NULL,
    content   jsonb NOT NULL,              -- what it says, checked
    loaded_at timestamptz NOT NULL DEFAULT now(),
    loaded_by text NOT NULL DEFAULT ''
);
CREATE INDEX operator_file_kind ON _genai.operator_file (kind, id);
