"""The probe: a tagged request in through the OTLP port, out through the query of a dashboard."""
