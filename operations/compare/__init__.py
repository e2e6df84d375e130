"""What changed between two windows, why, and whose it is."""
