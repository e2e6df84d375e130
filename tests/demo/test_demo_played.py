"""The whole demo, played: what it shows is right, what it suggests works, and it leaves nothing behind."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from demo import questions
from demo.findings import findings
from demo.plan import make_plan
from demo.run import LIVE_QUESTIONS
from tests import wheel
from tests.running import ROOT
from tests.sizes import FULL_SIZE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DEMO = [sys.executable, "-m", "spanledger", "demo"]
PATIENCE_SECONDS = 600.0
"""A busy machine is no fault; an idle one needs half a minute."""
FEW_DAYS = ("--days", "4")
AS_IT_COMES = () if FULL_SIZE else FEW_DAYS
"""Eight days without the option; four come in half the time."""


@pytest.fixture
def surroundings() -> Iterator[dict[str, str]]:
    """An environment whose temporary directory is empty, and has to be empty again afterwards."""
    with tempfile.TemporaryDirectory(prefix="spanledger-test-demo-") as temporary:
        Path(temporary).chmod(0o711)  # root's PostgreSQL runs as another user
        # What the reader's own environment says must not reach the demo.
        yield {**os.environ, "TMPDIR": temporary, "DATABASE_URL": "postgresql://nobody@192.0.2.1/none",
               "OTEL_SDK_DISABLED": "true", "HTTP_PROXY": "http://192.0.2.1:1"}  # fmt: skip
        assert list(Path(temporary).iterdir()) == []


def test_from_the_wheel_without_a_terminal_it_ends_by_itself_as_json_whose_costs_are_exact(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    programs = wheel.install(wheel.build(tmp_path), tmp_path / "environment", "demo")
    done = subprocess.run(
        [programs / "spanledger", "demo", "--json", "--seed", "11", *FEW_DAYS],
        cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert done.stderr == ""
    shown = json.loads(done.stdout)
    plan = make_plan(datetime.fromisoformat(shown["anchor"]), seed=11, days=4)
    wanted = questions.expected(plan)["tenants"]["globex"]
    found = shown["answers"]["tenants"]["globex"]
    assert Decimal(found["costUsd"]) == Decimal(wanted.cost).scaleb(-12)
    assert (found["calls"], found["uncertainCalls"]) == (wanted.calls, wanted.uncertain)
    assert shown["live"]["requests"] == LIVE_QUESTIONS
    classes = {finding.spike for finding in findings(plan)}
    assert {story["class"] for story in shown["findings"]} == classes


def test_a_ledger_that_counts_wrong_fails_the_demo(surroundings: dict[str, str], tmp_path: Path) -> None:
    # The shop's price list, changed by one pico-dollar: the service no longer agrees with the plan's truth.
    program = (
        "import sys\n"
        "from demo import plan, run, shop, truth\n"
        "run.make_plan = lambda *given, **named: plan.make_plan(*given, **named, scale=0.2)\n"
        "right = truth.cost_of\n"
        "truth.cost_of = lambda model, usage: (\n"
        "    None if right(model, usage) is None else right(model, usage) + (model is shop.SONNET)\n"
        ")\n"
        "from cli.__main__ import main\n"
        "sys.argv = ['spanledger', 'demo', '--days', '4']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert done.returncode == 1
    assert "endpoints support.agent_assist: cost is" in done.stdout


FOUND = (
    "support.answer answer_v7 → answer_v8",
    "gpt-oss-20b-catalog",
    "northwind makes 1",
    f"{8 if FULL_SIZE else 4} days of history",
    "Steady. Requests barely changed",
    "because answer_v8 writes",
    "northwind reads",
    "calls for one success went from",
    "of the calls have no price",
    "figures asked of the ledger equal the plan",
    "Ledger and provider's bill agree",
    "in the inbox Request burst with falling success product.qa",
    "Cost per request drift by prompt version answer_v8 of support.answer: a request costs",
)
SUGGESTED = {
    "top": "northwind",
    "compare": "sentence",
    "unpriced": "gpt-oss-20b-catalog",
    "tail": "price status",  # the next call may be of the model without a price
}


MORE = {"tail": ["--count", "1"], "compare": ["--json"]}
"""At the shop's rate a call comes every quarter of a minute: one shows that they come."""


def test_what_it_shows_is_right_what_it_suggests_works_and_ctrl_c_leaves_nothing_behind(
    surroundings: dict[str, str],
) -> None:
    with terminal(surroundings, *AS_IT_COMES) as (demo, screen):
        shown = read_until(screen, "leaves nothing behind")
        for finding in FOUND:
            assert finding in " ".join(shown.split()), shown
        [directory] = re.findall(r"export SPANLEDGER_DATA_DIR=(\S+)", shown)
        environment = {**os.environ, "SPANLEDGER_DATA_DIR": directory}
        commands = re.findall(
            r"^  \S*(?:spanledger|python -m spanledger) ((\w+)\b.*?)\s*$", shown, re.MULTILINE
        )
        assert {word for _, word in commands} == SUGGESTED.keys()
        for command, word in commands:
            arguments = [*shlex.split(command), *MORE.get(word, [])]
            done = subprocess.run(
                [sys.executable, "-m", "spanledger", *arguments],
                cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
                timeout=PATIENCE_SECONDS,
            )  # fmt: skip
            assert SUGGESTED[word] in done.stdout, command
            if word == "compare":
                assert json.loads(done.stdout)["class"]["sentence"] in " ".join(shown.split())
        children = psutil.Process(demo.pid).children(recursive=True)
        assert len(children) > 4
        for _ in range(2):  # an impatient reader
            demo.send_signal(signal.SIGINT)
            time.sleep(0.3)
        read_until(screen, "Stopping.")
        assert demo.wait(60) == 0
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


@contextmanager
def terminal(environment: dict[str, str], *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The demo in a terminal of 110 columns, and the terminal's other end."""
    screen, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 110, 0, 0))
    demo = subprocess.Popen(
        [*DEMO, *arguments], cwd=ROOT, env=environment, stdin=inside, stdout=inside, stderr=inside,
        start_new_session=True,
    )  # fmt: skip
    os.close(inside)
    try:
        yield demo, screen
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(60)
        os.close(screen)


def read_until(screen: int, text: str) -> str:
    """What the terminal shows until `text` has come, without its colours."""
    shown, deadline = b"", time.monotonic() + PATIENCE_SECONDS
    while text not in shown.decode(errors="replace"):
        ready, _, _ = select.select([screen], [], [], 1)
        assert time.monotonic() < deadline, shown.decode(errors="replace")
        if ready:
            shown += os.read(screen, 65536)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()).replace("\r\n", "\n")
