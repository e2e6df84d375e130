-- Names of users and tenants as `identities.yaml` gives them; every file that was ever loaded keeps its labels.
CREATE TABLE _genai.identity_map (
    id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256    text COLLATE "C" NOT NULL UNIQUE,
    loaded_at timestamptz NOT NULL DEFAULT now()   -- the last time; the newest is in force
);
CREATE TABLE _genai.identity_label (
    map_id integer NOT NULL REFERENCES _genai.identity_map,
    kind   text COLLATE "C" NOT NULL CHECK (kind IN ('tenant', 'user')),
    value  text COLLATE "C" NOT NULL,              -- as stored in calls
    label  text NOT NULL,
    PRIMARY KEY (map_id, kind, value)
);
