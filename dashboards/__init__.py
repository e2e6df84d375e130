"""Grafana, all of it: dashboards as declarations and SQL, the files made of them, and how they get there."""
