"""The demo: an imagined shop, its model provider, a day of its history, and what the ledger must say."""
