"""The files that the demo's service works with, and whoever serves a kept ledger again."""

from __future__ import annotations

import json
from pathlib import Path

from demo import budgets

RULES, CONFIG = "rules.yaml", "spanledger.yaml"
_RULES = """\
# Thresholds of the demo; docs/alerts.md explains each key.
version: 1
rules:
  telemetry_silent:
    enabled: false   # services of the history send as long as the demo runs, or never again
  burst_failing:
    minimum: 50   # the default, 100, is more calls than a quarter of an hour of the storm has at night
  cost_drift_prompt:
    threshold: "1.3"
    minimum_usd: "0.10"   # of a shop so small: the new version adds about twenty cents an hour
"""


def write(directory: Path) -> None:
    """Write `rules.yaml`, and the configuration that names it and the budgets."""
    files = {"budgets": str(directory / budgets.FILE), "rules": str(directory / RULES)}
    (directory / RULES).write_text(_RULES, encoding="utf-8")
    (directory / CONFIG).write_text(json.dumps({"alerting": files}, indent=2) + "\n", encoding="utf-8")
