"""Dashboards whose queries are switched off."""
