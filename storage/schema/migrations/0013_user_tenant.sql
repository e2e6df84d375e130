-- Which tenant a user's calls belong to where no span says it, as `identities.yaml` assigns it (docs/retention-and-erasure.md).
-- Beside the labels of the same file; the newest file is in force.
CREATE TABLE _genai.user_tenant (
    map_id    integer NOT NULL REFERENCES _genai.identity_map,
    user_id   text COLLATE "C" NOT NULL,             -- as stored in calls
    from_time timestamptz NOT NULL,                  -- -infinity: since ever; until the user's next one
    tenant_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (map_id, user_id, from_time)
);
-- When stored calls were last moved to what this file assigns.
ALTER TABLE _genai.identity_map ADD COLUMN applied_at timestamptz;
