"""Periodic maintenance: retention, the check of the rollups, day sums, statistics."""
