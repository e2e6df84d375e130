"""Grafana's dashboards: where their files are, and the generator that writes them from SQL files."""
