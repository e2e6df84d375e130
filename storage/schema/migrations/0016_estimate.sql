-- Changes that our own count of a call's text made (docs/pricing.md). What stands needs no second look.
ALTER TABLE _genai.ledger_run DROP CONSTRAINT ledger_run_kind_check, ADD CONSTRAINT ledger_run_kind_check
    CHECK (kind IN ('reprice', 'tag', 'merge', 'estimate', 'retract', 'erase', 'promote')) NOT VALID;
ALTER TABLE _genai.ledger_line DROP CONSTRAINT ledger_line_kind_check, ADD CONSTRAINT ledger_line_kind_check
    CHECK (kind IN ('reprice', 'tag', 'merge', 'estimate', 'retract', 'erase', 'promote')) NOT VALID;
