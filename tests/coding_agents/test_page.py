"""docs/coding-agents.md: what it says is set, and what it says is seen, with the recorded sessions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import servers
from tests.coding_agents.sessions import AGENTS
from tests.coding_agents.test_served import recent, send_logs
from tests.running import ROOT, RunningService

PAGE = (ROOT / "docs" / "coding-agents.md").read_text()
COMMANDS = re.findall(r"^\$ spanledger (.*)$", PAGE, re.MULTILINE)
VARIABLES = re.findall(r"^export (\w+)=", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with a session of each agent in it."""
    from tests.conftest import apply_migrations

    with (
        servers.fresh_database("postgres", "migrated", apply_migrations) as uri,
        RunningService(uri) as service,
    ):
        for agent in AGENTS:
            send_logs(service, recent(agent))
        yield uri


def run(command: str, url: str, data_dir: str) -> str:
    arguments = [*command.split(), "--database-url", url, "--data-dir", data_dir]
    done = subprocess.run(
        [sys.executable, "-m", "spanledger", *arguments],
        cwd=ROOT, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.postgres
def test_every_command_of_the_page_shows_what_the_sessions_cost(
    ledger: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data_dir = str(tmp_path_factory.mktemp("data"))
    shown = {command: run(command, ledger, data_dir) for command in COMMANDS}
    top = {command.split()[1]: output for command, output in shown.items() if command.startswith("top")}
    assert top.keys() == {"user", "endpoint", "model"}
    assert len(set(re.findall(r"h:[0-9a-f]{16}", top["user"]))) == 1, "one developer over all agents"
    assert "payments-api" in top["endpoint"]
    for model in ("claude-opus-5", "gpt-5.5", "gemini-2.5-pro"):
        assert model in top["model"]
    with psycopg.connect(ledger) as connection:
        row = connection.execute("SELECT sum(cost_pico_usd) FROM genai.model_call").fetchone()
    assert row is not None
    cents = f"{row[0] / 10**12:.2f}"
    for output in top.values():
        assert cents in output


@pytest.mark.postgres
def test_the_share_of_the_cache_is_a_query_away(ledger: str) -> None:
    (query,) = re.findall(r"^```sql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    with psycopg.connect(ledger) as connection:
        found = dict(connection.execute(query.encode()).fetchall())
    assert found["claude-opus-5"] == round(100 * (24880 + 27100) / (26132 + 27120))
    assert found["gpt-5.5"] == round(100 * 20000 / 25100)


def test_every_agent_is_switched_on_by_three_variables_and_the_address() -> None:
    agents = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    for name in ("Claude Code", "Gemini CLI", "GitHub Copilot"):
        (section,) = [part for part in agents if part.startswith(name)]
        assert 3 <= len(re.findall(r"^export (?!OTEL_RESOURCE)\w+=", section, re.MULTILINE)) <= 4, name
    assert {"CLAUDE_CODE_ENABLE_TELEMETRY", "GEMINI_TELEMETRY_ENABLED", "COPILOT_OTEL_ENABLED"} <= set(
        VARIABLES
    )


@pytest.mark.postgres
def test_first_call_recognises_a_log_event(ledger: str, tmp_path: Path) -> None:
    command = ["first-call", "--since", "1h", "--timeout", "5s", "--json", "--database-url", ledger]
    done = subprocess.run(
        [sys.executable, "-m", "spanledger", *command, "--data-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    shown = json.loads(done.stdout)
    assert shown["call"]["dialect"] in AGENTS, done.stdout
