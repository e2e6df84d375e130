"""The ops port: pages, health, metrics and diagnostics."""
