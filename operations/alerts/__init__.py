"""Alerts: the rules evaluated, their states kept, and what is told of them."""
