"""What a call costs: the price book and the exact arithmetic; only `load` and `sources` read files."""
