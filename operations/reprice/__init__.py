"""Repricing stored calls."""
