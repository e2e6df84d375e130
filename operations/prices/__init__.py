"""Prices beside the ledger: what it recorded, and calls from a file."""
