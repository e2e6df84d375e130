"""Each planted incident is told in one true sentence, whatever the hour, and is the same an hour later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import psycopg
import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.__main__ import build
from demo import truth
from demo.findings import Finding, findings, told
from demo.plan import Plan, make_plan
from demo.truth import Totals
from operations.compare.model import Question, compare
from operations.compare.page import compare_page
from operations.compare.story import show
from operations.web.parameters import Links
from operations.web.queries import rows
from storage.schema.migrate import migrate
from tests import servers
from tests.dashboards.files import DEFAULTS, dashboards, panels
from tests.dashboards.macros import Range, Value, expand, fill
from tests.demo.ledger import write_plan
from tests.sizes import FULL_SIZE

HOURS = range(24) if FULL_SIZE else (16,)
"""Starting hours; `make soak` plays the demo at every hour of the day."""
DAYS = 4
"""What the questions reach back."""

ALIKE = r"Requests barely changed \(N → N\)\. Each request costs "
SENTENCES = {
    "A quiet day": r"Steady\. "
    + ALIKE
    + r"(what it did \(\$U( → \$U)?\)|\d% (more|less) \(\$U → \$U\), too little to name a cause)\.",
    "A tenant's longer questions": r"Tenant northwind is \d+% of the change and went from 1\d% to "
    r"[34]\d% of the cost\. "
    + ALIKE
    + r"\d+% more \(\$U → \$U\), because northwind reads \d\.\d times as much\.",
    "A retry storm": r"Calls went from N to N while errors went from [01]% to [3-7]\d%\. "
    + ALIKE
    + r"(\d\.\d times|twice) as much \(\$U → \$U\), because calls for one success went from "
    r"1\.0\d to [12]\.\d\d\.",
    "A prompt deploy": ALIKE
    + r"\d+% more \(\$U → \$U\), because answer_v8 writes (2\.[6-9]|3\.\d) times as much\.",
    "A model without a price": r"\d\d% of the calls have no price \(0% before\), all of them "
    r"openai/gpt-oss-20b-catalog: their cost is in no total \(about \$\d\.\d\d at the usual cost of "
    r"a call\)\. Requests rose \d\d% \(N → N\)"
    r"(, adding \$\d\.\d\d)?\.",
}
"""What a person would say: `N` requests, `$U` a request."""


def days_until(hour: int) -> Plan:
    """The plan of a demo that starts in that hour of the day, at an odd minute."""
    return make_plan(datetime(2026, 11, 24, hour, hour * 17 % 60, tzinfo=UTC), days=DAYS)


def sums(plan: Plan, question: Question, shift: timedelta = timedelta(0)) -> Totals:
    """What the plan says of a question's window, or of the window so much earlier."""
    start_ns, end_ns = (
        int((moment - shift).timestamp()) * 10**9 for moment in (question.start, question.end)
    )
    endpoint = question.focus.endpoint
    return truth.total(
        truth.tried(request, call)
        for request, call in plan.calls()
        if start_ns <= call.start_ns < end_ns and endpoint in (None, request.feature.tag)
    )


def assert_true(plan: Plan, finding: Finding, sentence: str) -> None:
    """The sentence is one that a person would say, and its figures are the plan's."""
    wanted = SENTENCES[finding.name].replace("N", r"([\d,]+)").replace(r"\$U", r"\$([\d.]+)")
    assert re.fullmatch(wanted, sentence), (wanted, sentence)
    before, now = sums(plan, finding.question, timedelta(hours=24)), sums(plan, finding.question)
    [(requests_before, requests_now)] = re.findall(r"\(([\d,]+) → ([\d,]+)\)", sentence)
    assert int(requests_before.replace(",", "")) == before.requests
    assert int(requests_now.replace(",", "")) == now.requests
    for text, totals in zip(
        re.findall(r"\(\$([\d.]+) → \$([\d.]+)\)", sentence)[:1], [(before, now)], strict=False
    ):
        for shown, side in zip(text, totals, strict=True):
            assert float(shown) == pytest.approx(side.cost / side.requests / 10**12, rel=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("hour", HOURS)
def test_each_incident_is_told_in_one_true_sentence_at_any_hour_and_an_hour_later(
    migrated_database: str, hour: int
) -> None:
    plan = days_until(hour)
    write_plan(migrated_database, plan)
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute("ANALYZE")
        at_once = told(connection, plan)
        for finding, spike in at_once:
            assert (spike.name, spike.subject) == (finding.spike, finding.subject), spike.sentence
            assert_true(plan, finding, spike.sentence)
        write_plan(migrated_database, _the_next_hour(plan))
        assert told(connection, plan) == at_once


def _the_next_hour(plan: Plan) -> Plan:
    """What customers ask while the demo goes on."""
    later = make_plan(plan.anchor + timedelta(hours=1), plan.seed + 1, days=1)
    since_ns = int(plan.anchor.timestamp()) * 10**9
    return later._replace(requests=[r for r in later.requests if r.calls[0].start_ns >= since_ns])


def _play(dsn: str) -> None:
    migrate(dsn)
    write_plan(dsn, days_until(HOURS[-1]))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


@pytest.fixture
def played(server_kind: str) -> Iterator[tuple[psycopg.Connection[Any], str, Plan]]:
    """The ledger of a demo that has just started; the plan is written once for all tests."""
    with (
        servers.fresh_database(server_kind, "demo", _play) as dsn,
        psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection,
    ):
        yield connection, dsn, days_until(HOURS[-1])


@pytest.mark.slow
def test_terminal_page_and_panel_tell_the_same(played: tuple[psycopg.Connection[Any], str, Plan]) -> None:
    connection, dsn, plan = played
    for finding, spike in told(connection, plan):
        arguments = [*finding.command().split(), "--database-url", dsn]
        shown = CliRunner().invoke(build(), arguments, catch_exceptions=False).stdout
        assert spike.sentence in " ".join(shown.split()), shown
        answer = json.loads(
            CliRunner().invoke(build(), [*arguments, "--json"], catch_exceptions=False).stdout
        )
        assert (answer["class"]["name"], answer["class"]["sentence"]) == (spike.name, spike.sentence)
        assert spike.sentence in compare_page(connection, finding.question, Links(None))
        lines = _story(connection, finding.question)
        assert {line["class"] for line in lines} == {spike.name}
        # How many is told alike; how much each, more fully than a class that is about calls without a price.
        assert all(line["sentence"] in spike.sentence for line in lines if line["place"] in (1, 3))
        parts = [line["delta_usd"] for line in lines if line["place"] != 0]
        assert sum(parts) == Decimal(answer["total"]["deltaUsd"])


@pytest.mark.slow
def test_the_page_lists_the_models_without_a_price_of_its_window_alone(
    played: tuple[psycopg.Connection[Any], str, Plan],
) -> None:
    connection, _, plan = played
    hour = Question(plan.anchor - timedelta(hours=1), plan.anchor, data_mode="demo")
    total = compare(connection, hour).total
    assert total is not None
    (listed,) = rows(connection, "unpriced", hour)
    assert (listed["model"], listed["calls"]) == ("gpt-oss-20b-catalog", total.unpriced_calls)


@pytest.mark.slow
def test_a_narrow_terminal_cuts_no_figure(played: tuple[psycopg.Connection[Any], str, Plan]) -> None:
    connection, _, plan = played
    for finding in findings(plan):
        out = StringIO()
        show(
            Console(file=out, width=80, highlight=False),
            finding.question,
            compare(connection, finding.question),
        )
        assert "…" not in out.getvalue()


@pytest.mark.slow
def test_each_driver_of_the_deploy_has_a_name_and_a_past_of_its_own(
    played: tuple[psycopg.Connection[Any], str, Plan],
) -> None:
    connection, _, plan = played
    (deploy,) = (finding for finding in findings(plan) if finding.spike == "deploy")
    answer = compare(connection, deploy.question)
    drivers = answer.drivers
    assert len({driver.name for driver in drivers}) == len(drivers)
    out = StringIO()
    show(Console(file=out, width=200, highlight=False), deploy.question, answer)
    page = compare_page(connection, deploy.question, Links(None))
    assert any(driver.replaces for driver in drivers)
    for text in (out.getvalue(), page):
        told = " ".join(text.split()).count("each (before: what it replaced)")
        assert told == sum(driver.replaces for driver in drivers)
    for driver in drivers:
        assert driver.baseline_cost_per_request_usd is not None
        assert driver.cost_per_request_usd is not None
        assert driver.cost_per_request_usd > driver.baseline_cost_per_request_usd
        assert driver.top_term == "tokens"


def _story(connection: psycopg.Connection[Any], question: Question) -> list[dict[str, Any]]:
    """The sentences of the Compare dashboard."""
    queries = (
        target["rawSql"]
        for panel in panels(dashboards()["spanledger-compare"])
        for target in panel.get("targets", [])
    )
    (query,) = (query for query in queries if "genai.story(" in query)
    focus = {name: value for name, value in question.focus._asdict().items() if value and name in DEFAULTS}
    values: dict[str, Value] = {**DEFAULTS, "data_mode": "demo", "baseline": question.baseline, **focus}
    sql = expand(fill(query, values), Range(question.start, question.end))
    cursor = connection.execute(sql.encode())
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
