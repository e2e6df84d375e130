"""The database's shape: migrations, the views of `genai`, the measures, and the role that Grafana uses."""
