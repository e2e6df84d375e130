"""Direct reports: the telemetry schema as JSON or protobuf, without spans."""
