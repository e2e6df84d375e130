"""One batch of calls into the ledger, in one transaction."""
