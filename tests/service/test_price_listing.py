"""`spanledger prices list` and `stale`: each price with its source and age."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.service.test_commands import run, run_json


@pytest.fixture
def prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A map with a price nobody checked, one checked long ago, and one of the past."""
    path = tmp_path / "prices.yaml"
    path.write_text(
        """version: 1
models:
  - provider: acme
    model: never-checked
    prices: [{usd_per_mtok: {input: "1", output: "2.5"}, url: "https://acme.example/prices"}]
  - provider: acme
    model: long-ago
    prices:
      - {usd_per_mtok: {input: "7", output: "7"}}
      - {from: 2024-01-01, usd_per_mtok: {input: "3", output: "4"}, checked: 2024-01-02}
"""
    )
    monkeypatch.setenv("SPANLEDGER_PRICES__FILE", str(path))
    return path


def test_a_price_is_listed_as_of_today_with_its_source(prices: Path) -> None:
    never, old = sorted(
        run_json("prices", "list", "acme/"), key=lambda row: str(row["checkedAt"]), reverse=True
    )
    assert (never["model"], never["source"], never["sourceUrl"]) == (
        "never-checked",
        "prices.yaml:5",
        "https://acme.example/prices",
    )
    assert never["usdPerToken"] == {"input": "0.000001", "output": "0.0000025"}
    assert (never["checkedAt"], never["ageDays"]) == (None, None)
    assert old["usdPerToken"]["input"] == "0.000003"
    assert old["ageDays"] == (datetime.now(UTC).date() - datetime(2024, 1, 2, tzinfo=UTC).date()).days
    assert "$2.5" in run("prices", "list", "acme/never").stdout


def test_stale_prices_are_those_that_nobody_checked_the_worst_first(prices: Path) -> None:
    stale = run_json("prices", "stale", "--days", "400")
    assert [row["model"] for row in stale][:2] == ["never-checked", "long-ago"]
    assert "never" in run("prices", "stale", "--days", "400").stdout


def test_fresh_lists_have_no_stale_price() -> None:
    assert "Every price was checked" in run("prices", "stale", "--days", "100000").stdout
