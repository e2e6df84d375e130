"""A real Grafana evaluates the rules: its webhook reaches the inbox, and it fires what our evaluation fires.

GRAFANA is a Grafana program or its unpacked archive; the test starts it on a free port.
"""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from demo.grafana import find, running
from demo.simulation.play import history_writer, play
from demo.simulation.scenarios import SCENARIOS
from demo.simulation.world import drafts, make_world
from demo.stage import Ports, choose_ports
from processor.pricing.load import load_price_book
from tests.machine import require
from tests.running import RunningService
from tests.storage.ledger import rows

pytestmark = [pytest.mark.grafana, pytest.mark.slow, pytest.mark.timeout(1500)]

MINUTE = timedelta(minutes=1)
PATIENCE = timedelta(minutes=20)
INCIDENTS = {"deploy": ("prod", "real"), "tenant-surge": ("staging", "real"), "abuse": ("dev", "demo")}
EXPECTED = {
    ("cost_drift_endpoint", "warning", "prod"), ("cost_drift_prompt", "warning", "prod"),
    ("concentration_tenant", "info", "staging"), ("burst_failing", "info", "dev"),
    ("watchdog", "info", "prod"),
}  # fmt: skip


def simulate(dsn: str, begin: datetime) -> None:
    """Three incidents that began a while ago and go on, each in an environment of its own."""
    writer, book = history_writer(dsn), load_price_book(None)
    try:
        for kind, (environment, data_mode) in INCIDENTS.items():
            world = make_world(f"grafana {kind}", 2000)
            scenario = SCENARIOS[kind](random.Random(3), world, begin)
            for start, end in ((-26, -22), (-2, 2)):
                made = drafts(
                    world, begin + timedelta(hours=start), begin + timedelta(hours=end), scenario.incident
                )
                play(writer, book, made, environment, data_mode)
    finally:
        writer.close()


def told(dsn: str, source: str) -> set[tuple[Any, ...]]:
    """What one of the two told the inbox: rule, severity, environment."""
    query = "SELECT rule, severity, environment FROM genai.alert_episode WHERE source = %s"
    return set(rows(dsn, query, source))


def test_grafana_and_our_evaluation_tell_the_inbox_the_same(
    request: pytest.FixtureRequest, migrated_database: str, tmp_path: Path
) -> None:
    require(request.config, "grafana program")
    simulate(migrated_database, datetime.now(UTC).replace(second=0, microsecond=0) - 45 * MINUTE)
    settings = {"SPANLEDGER_ALERTING__EVALUATE": "builtin", "SPANLEDGER_PUBLIC_URL": "http://pages"}
    port = choose_ports(Ports(0, 0, 0)).ops
    with RunningService(migrated_database, environment=settings) as service:
        program = find(Path(os.environ["GRAFANA"]))
        with running(program, migrated_database, tmp_path, port, f"http://{service.ops}"):
            deadline = datetime.now(UTC) + PATIENCE
            while missing(migrated_database):
                assert datetime.now(UTC) < deadline, both(migrated_database)
                time.sleep(5)
    assert told(migrated_database, "grafana") == told(migrated_database, "builtin"), both(migrated_database)
    assert_links(migrated_database)


def missing(dsn: str) -> set[tuple[Any, ...]]:
    """What one of the two has not told yet."""
    return EXPECTED - (told(dsn, "grafana") & told(dsn, "builtin"))


def both(dsn: str) -> str:
    return f"grafana {sorted(told(dsn, 'grafana'))}\nbuiltin {sorted(told(dsn, 'builtin'))}"


def assert_links(dsn: str) -> None:
    """Grafana's alert says what ours says: sentence, frozen window, baseline, the version behind it."""
    query = (
        "SELECT source, sentence, baseline, is_window_given, investigate_url, runbook_url"
        " FROM genai.alert_episode WHERE rule = 'cost_drift_prompt' AND environment = 'prod' ORDER BY source"
    )
    with psycopg.connect(dsn) as connection:
        found = connection.execute(query).fetchall()
    assert [row[0] for row in found] == ["builtin", "grafana"]
    for _, sentence, baseline, is_window_given, investigate, runbook in found:
        assert "v99" in sentence
        assert (baseline, is_window_given) == ("24h", True)
        assert investigate.endswith("&var-prompt_version=v99")
        assert runbook == "http://pages/runbooks#cost-drift-prompt"
