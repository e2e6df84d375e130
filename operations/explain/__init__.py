"""Why one call costs what it costs."""
