"""`spanledger top` and `tail`: filters, formats, trends, and what contradicts itself."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal

import pytest

from tests.service.test_commands import calls, run, run_json, usd
from tests.service.test_commands import ledger as ledger

FILTERS = {
    "--endpoint": ("endpoint_tag", "checkout.step_1"),
    "--prompt-version": ("prompt_version", "v1"),
    "--model": ("model", "gpt-4o"),
    "--provider": ("provider", "anthropic"),
    "--tenant": ("tenant_id", "t-1"),
    "--service": ("service_name", "shop"),
}


@pytest.mark.parametrize("option", FILTERS)
@pytest.mark.parametrize("dimension", ["model", "tenant"])
def test_top_counts_only_what_the_filters_let_through(ledger: str, dimension: str, option: str) -> None:
    column, value = FILTERS[option]

    told = run_json("top", dimension, option, value, "--database-url", ledger)

    through = [call for call in calls(ledger) if call[column] == value]
    assert through
    assert told["total"]["calls"] == len(through)
    assert Decimal(told["total"]["costUsd"]) == usd(sum(call["cost_pico_usd"] or 0 for call in through))


@pytest.mark.parametrize("option", FILTERS)
def test_tail_shows_only_what_the_filters_let_through(ledger: str, option: str) -> None:
    column, value = FILTERS[option]
    through = calls(ledger, f"{column} = '{value}'")
    assert through

    done = run(
        "tail", "--since", "10m", "--count", str(len(through)), option, value, "--json",
        "--database-url", ledger,
    )  # fmt: skip

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["callKey"] for line in lines} == {str(call["call_key"]) for call in through}


def test_top_as_csv_has_every_row_with_every_digit(ledger: str) -> None:
    told = run_json("top", "user", "--limit", "1000", "--database-url", ledger)

    rows = list(csv.DictReader(io.StringIO(run("top", "user", "--csv", "--database-url", ledger).stdout)))

    assert len(rows) == len(told["rows"]) > 20
    assert [row["costUsd"] for row in rows] == [row["costUsd"] for row in told["rows"]]
    assert list(rows[0])[:2] == ["tenantId", "userId"]


def test_the_trend_of_a_row_is_drawn_against_its_own_highest_step(ledger: str) -> None:
    shown = run("top", "tenant", "--limit", "3", "--database-url", ledger).stdout

    drawn = re.findall(r"[▁▂▃▄▅▆▇█]{12}", shown)
    assert len(drawn) == 4  # three rows and the total
    assert all("█" in bars for bars in drawn)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--csv", "--json"],
        ["--watch", "--from", "yesterday"],
        ["--watch", "--json"],
        ["tenant", "--by", "model"],
        ["model", "--as-of", "yesterday", "--tenant", "t-1"],
    ],
)
def test_top_refuses_what_contradicts_itself(arguments: list[str]) -> None:
    done = run("top", *arguments, "--database-url", "postgresql://nowhere.invalid/x")

    assert done.exit_code == 2


def test_watching_shows_it_again_until_it_is_stopped(ledger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("cli.top.time.sleep", wait)
    done = run("top", "provider", "--watch", "--database-url", ledger)

    assert done.exit_code == 0
    assert done.stdout.count("Spend by provider") == 2


def test_tail_shows_the_tags_that_are_asked_for(ledger: str) -> None:
    shown = run("tail", "--since", "10m", "--count", "3", "--by", "service,user", "--database-url", ledger)

    head, *lines = shown.stdout.splitlines()
    assert head.split()[:4] == ["time", "model", "service", "user"]
    assert len(lines) == 3
    assert all("shop" in line for line in lines)


def test_a_narrow_tail_leaves_out_whole_columns_and_says_so(
    ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("tail", "--since", "10m", "--count", "3", "--database-url", ledger).stdout.splitlines()

    assert lines[0].startswith("3 columns hidden: widen to ")
    assert "tokens" in lines[1]
    assert "…" not in "".join(lines)


@pytest.mark.parametrize(
    ("filters", "rows"),
    [([], 1), (["--provider", "openai"], 1), (["--env", "staging"], 0), (["--model", "gpt-4o"], 0)],
)
def test_models_without_a_price_can_be_filtered(ledger: str, filters: list[str], rows: int) -> None:
    assert len(run_json("unpriced", *filters, "--database-url", ledger)) == rows


def test_a_filter_that_says_nothing_is_refused(ledger: str) -> None:
    done = run("unpriced", "--endpoint", "checkout.step_1", "--database-url", ledger)

    assert done.exit_code == 2
    assert "--endpoint says nothing here" in done.output
