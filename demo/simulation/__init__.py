"""Simulated traffic with planted incidents of which the truth is known."""
