"""Calls as they arrive, and what they lack."""
