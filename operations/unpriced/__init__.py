"""Calls without a price: what they may have cost, and the entry that would price them."""
