-- Tracking quality looks for the calls whose user or tenant looked like a person (flag `raw_identity`): few of a month's
-- millions, which it read all (measured at 10 M calls: 3 s of a panel). Writers wait while it is built, about a second for
-- five million calls.
CREATE INDEX model_call_raw_identity ON _genai.model_call (time) WHERE flags & 128 <> 0;
