"""`spanledger prices`: a bump of the map is shown against what the ledger knows, and the past can be
frozen."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
from typer.testing import CliRunner

from cli.__main__ import build
from processor.pricing.load import load_price_book
from service.price_records import register


def price_file(folder: Path, price: str, frozen: str = "") -> Path:
    path = folder / "prices.yaml"
    table = f'{{input: "{price}", output: "10"}}'
    models = f"models:\n  - {{provider: acme, model: answer-1, prices: [{{usd_per_mtok: {table}}}]}}\n"
    path.write_text(f"version: 1\n{models}{frozen}")
    return path


def run(folder: Path, dsn: str, *arguments: str) -> str:
    config = folder / "config.yaml"
    config.write_text(f"prices: {{file: '{folder / 'prices.yaml'}'}}\n")
    more = ["--config", str(config), "--database-url", dsn]
    done = CliRunner().invoke(build(), ["prices", *arguments, *more], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_bump_is_shown_and_frozen(migrated_database: str, tmp_path: Path) -> None:
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        register(connection, load_price_book(price_file(tmp_path, "1.25")))
    price_file(tmp_path, "2")
    (change,) = json.loads(run(tmp_path, migrated_database, "diff", "--json"))
    assert (change["model"], change["from"]) == ("answer-1", None)
    assert (change["before"]["input"], change["after"]["input"]) == ("1.25", "2")
    (tmp_path / "prices.yaml").write_text("version: 1\n")  # as if the built-in list had lost the model
    frozen = run(tmp_path, migrated_database, "freeze")
    assert frozen.startswith("frozen:")
    (tmp_path / "prices.yaml").write_text("version: 1\n" + frozen)
    assert "your price map agrees with every price booked" in run(tmp_path, migrated_database, "diff")
