"""OTLP on the wire → `ModelCall`: spans and log records."""
