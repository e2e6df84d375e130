"""Late binding: spans of one trace that arrived in different requests."""
