"""The demo's processes, watched while traffic flows."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from demo import budgets, settings
from demo.history import SERVICES
from demo.plan import make_plan
from demo.run import _keep_flowing
from demo.stage import Ports, Stage, StageError, choose_ports
from demo.traffic import Customers

pytestmark = pytest.mark.postgres

NOBODY = 9
"""The discard port: nobody listens."""


def test_the_demo_ends_and_says_so_when_one_of_its_processes_is_killed(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    stage = Stage(tmp_path, choose_ports(Ports(0, 0, 0)), keep=False)
    customers = Customers(dict.fromkeys(SERVICES, NOBODY))
    others = psutil.Process().children()
    try:
        stage.start_postgres()
        budgets.write(make_plan(datetime.now(UTC), scale=0.01, days=4), tmp_path)
        settings.write(tmp_path)
        stage.start_service()
        stage.check()
        for victim, said in (("serve", "`spanledger serve` ended"), ("postgres", "PostgreSQL ended")):
            started = [each for each in psutil.Process().children() if each not in others]
            (killed,) = (each for each in started if victim in (each.name(), *each.cmdline()))
            killed.kill()
            with pytest.raises(StageError, match=said):
                _keep_flowing(Console(file=io.StringIO()), customers, stage)
    finally:
        stage.close()
