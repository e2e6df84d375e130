"""Alerts as they arrive, what explains them, and the pages that show both."""
