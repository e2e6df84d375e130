"""Late binding: spans of one trace that came in different requests."""
