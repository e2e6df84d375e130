"""The read-only pages: what the dashboards say, as plain HTML for those without Grafana.

Server-rendered, inline SVG, no script. Every figure comes from the SQL functions that dashboards and command
line use; Python only puts it into words and places bars.
"""
