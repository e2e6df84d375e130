"""Tracking quality: what calls lack that figures need, as a checklist and one score (docs/quality.md)."""
