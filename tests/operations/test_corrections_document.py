"""The worked example of docs/corrections.md is executed, line by line."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from cli.__main__ import build
from processor.calls.admission import Admission, admit
from processor.calls.call import Batch
from processor.calls.identity import identity_rules
from processor.pricing.charge import price_call
from processor.pricing.load import load_price_book
from receiver.reports.reports import read_report
from storage.ingest.writer import Writer
from tests.running import ROOT
from tests.storage.ledger import NOON_NS, assert_rollups_equal_rows, rows

PAGE = (ROOT / "docs" / "corrections.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The page's blocks of one language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def arrive(dsn: str, report: str) -> None:
    """The report as the service would take it, at the built-in prices."""
    call = read_report(json.loads(report), NOON_NS, "")
    assert admit(call, Admission(identity_rules([b"a key of sixteen bytes"]))) is None
    writer = Writer(dsn)
    writer.write([(Batch(calls=[call]), [price_call(call, load_price_book(None))])])
    writer.close()


def test_the_worked_example_of_changes_is_true(migrated_database: str, tmp_path: Path) -> None:
    (report,), (prices,), (query,), (answer,) = (blocks(n) for n in ("json", "yaml", "sql", "text"))
    arrive(migrated_database, report)
    (tmp_path / "prices.yaml").write_text(prices)
    config = tmp_path / "config.yaml"
    config.write_text(f"prices: {{file: '{tmp_path / 'prices.yaml'}'}}\n")
    commands = 0
    for block in blocks("console"):
        for command, told in re.findall(r"^\$ spanledger (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            arguments = [*shlex.split(command), "--config", str(config), "--database-url", migrated_database]
            done = CliRunner().invoke(build(), arguments, catch_exceptions=False)
            assert done.exit_code == 0, done.output
            for line in told.splitlines():
                assert line in done.output
            commands += 1
    assert commands == 3
    assert [" | ".join(map(str, row)) for row in rows(migrated_database, query)] == answer.splitlines()
    assert_rollups_equal_rows(migrated_database)
