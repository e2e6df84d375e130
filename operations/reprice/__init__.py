"""Pricing the past again."""
