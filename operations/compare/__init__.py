"""What changed between two windows, why, and who or what caused it."""
