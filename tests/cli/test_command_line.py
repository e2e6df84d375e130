"""The command line as a whole: its table of commands, its options, and what it refuses."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from cli.__main__ import COMMANDS
from processor.calls.errors import StorageUnavailable
from tests.running import ROOT
from tests.service.test_commands import run


def test_help_is_there_in_half_a_second_of_work() -> None:
    """CPU time, since the machine of a test may be busy; nothing heavy may be imported for it."""
    code = (
        "import sys, time; from cli.__main__ import COMMANDS, build; sys.argv = ['spanledger', '--help']\n"
        "try: build()()\n"
        "finally: print(time.process_time(), *sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    seconds, *modules = done.stderr.split()
    assert float(seconds) < 0.5
    assert not {"psycopg", "grpc", "pydantic", "opentelemetry", "genai_prices", "rich"} & set(modules)
    for heading in ("Run:", "Ask the ledger:", "Look closer:", "Administer:"):
        assert heading in done.stdout


def test_the_table_of_commands_names_every_module_that_has_one() -> None:
    modules = {
        path.stem for path in (ROOT / "cli").glob("*.py") if "\napp = options.app(" in path.read_text()
    }

    assert {entry.module for entry in COMMANDS} == modules
    assert len({entry.name for entry in COMMANDS}) == len(COMMANDS)


@pytest.mark.parametrize("name", [entry.name for entry in COMMANDS])
def test_every_command_says_what_it_does(name: str) -> None:
    shown = run(name, "--help")

    assert shown.exit_code == 0
    assert len(shown.stdout.splitlines()) > 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tpo"], "Did you mean top?"),
        (["top", "endpiont"], "Did you mean endpoint?"),
        (["compare", "--by", "tennant"], "Did you mean tenant?"),
        (["compare", "--baselin", "24h"], "--baseline"),
        (["top", "endpoint", "--data-mode", "rael"], "Did you mean real?"),
        (["top", "endpoint", "--last", "1h", "--from", "yesterday"], "--last and --from"),
        (["top", "endpoint", "--from", "tomorow"], "expected today, yesterday, now-6h"),
        (["identity", "hash", "x", "--kind", "usre"], "Did you mean user?"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_guess(arguments: list[str], told: str) -> None:
    done = run(*arguments)

    assert done.exit_code == 2
    assert told in " ".join(done.output.split())


@pytest.mark.parametrize(
    "command", re.findall(r"^spanledger ([^>\n]*)", (ROOT / "docs/terminal.md").read_text(), re.MULTILINE)
)
def test_every_command_of_the_page_can_be_asked(command: str) -> None:
    url = "postgresql://nowhere.invalid/x"

    with pytest.raises(StorageUnavailable):  # the options are right; what is missing is a ledger
        run(*shlex.split(command), "--database-url", url)


def complete(**variables: str) -> str:
    """What a shell is told that asks for completions."""
    done = subprocess.run(
        [sys.executable, "-m", "spanledger"],
        cwd=ROOT, env={"PATH": "/usr/bin", **variables},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    assert "_SPANLEDGER_COMPLETE=complete_" in complete(_SPANLEDGER_COMPLETE=f"source_{shell}")


def test_a_shell_can_complete_commands_and_options() -> None:
    asked = {"_SPANLEDGER_COMPLETE": "complete_bash", "COMP_CWORD": "1"}

    assert complete(**asked, COMP_WORDS="spanledger un").split() == ["unpriced", "unread"]
    options = complete(**asked, COMP_WORDS="spanledger --data").split()
    assert set(options) == {"--data-dir", "--database-url"}


def test_the_version_is_an_option_as_everywhere() -> None:
    shown = run("--version").stdout

    assert shown.startswith("spanledger ")
    assert len(shown.splitlines()) == 1
