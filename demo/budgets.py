"""The demo's budgets: one that the history runs to its warning, and one that is far from its limit."""

from __future__ import annotations

import time
from decimal import ROUND_UP, Decimal
from pathlib import Path

import psycopg

from demo import truth
from demo.plan import Plan
from storage.budgets.judge import judge

FILE = "budgets.yaml"
_USED = Decimal("0.87")
"""Part of the month's limit that the history uses: a day of live traffic does not exceed it."""
_PATIENCE_SECONDS = 20.0
_TEXT = """\
# Budgets of the demo; docs/budgets.md explains each key. Only a budget of demo data counts demo calls.
version: 1
budgets:
  - name: the whole shop
    owner: platform
    data_mode: demo
    monthly: "{month}"
  - name: support answers
    scope: {{endpoint: support.answer}}
    owner: support
    data_mode: demo
    daily: "{support}"
    spend_alerts:
      - {{hourly: "{support}"}}
"""


def write(plan: Plan, directory: Path) -> None:
    """Write the file that the demo's service takes."""
    month = plan.anchor.replace(day=1, hour=0, minute=0).timestamp() * 1e9
    spent = truth.by(plan, lambda _, call: "month" if call.start_ns >= month else "before")
    by_endpoint = truth.by(plan, lambda request, _: request.feature.tag)
    limits = {
        "month": _usd(spent.get("month", truth.Totals()).cost, _USED),
        "support": _usd(by_endpoint["support.answer"].cost, Decimal(1)),
    }
    (directory / FILE).write_text(_TEXT.format(**limits), encoding="utf-8")


def run_to_warning(connection: psycopg.Connection[object]) -> None:
    """Judge the budgets now, not at the service's next minute; its own judging is waited for."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while judge(connection) is None and time.monotonic() < deadline:
        time.sleep(0.1)


def _usd(pico_usd: int, used: Decimal) -> str:
    """The limit in USD of which so much is used, to the cent; a cent at least."""
    limit = (Decimal(pico_usd).scaleb(-12) / used).quantize(Decimal("0.01"), ROUND_UP)
    return str(max(limit, Decimal("0.01")))
