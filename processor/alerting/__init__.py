"""Alerting without I/O and clock: the rules, the files that tune them, and the states of an alert."""
