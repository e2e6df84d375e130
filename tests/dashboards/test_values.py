"""What the dashboards show of the planted incident, held against the plan; every hop to the cause."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import psycopg
import pytest

from dashboards.links import FOCUS
from operations.compare.model import Focus, Question, compare
from operations.web.parameters import question_of
from tests.dashboards.browser import follow
from tests.dashboards.files import DEFAULTS, dashboards, name_of, panels
from tests.dashboards.macros import Range, Value, expand, fill
from tests.dashboards.shop import ANCHOR, PAGES_AT, count, plan, spend

Reader = psycopg.Connection[Any]
DEPLOY = ANCHOR - timedelta(hours=6)
SINCE = (DEPLOY, ANCHOR)
BEFORE = (DEPLOY - timedelta(hours=6), DEPLOY)


def rows(
    reader: Reader,
    dashboard: str,
    title: str,
    values: Mapping[str, Value] = DEFAULTS,
    window: tuple[datetime, datetime] = SINCE,
) -> list[dict[str, Any]]:
    """What a panel shows, row by row."""
    (panel,) = (p for p in panels(dashboards()[f"spanledger-{dashboard}"]) if name_of(p) == title)
    cursor = reader.execute(expand(fill(panel["targets"][0]["rawSql"], values), Range(*window)).encode())
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def usd(pico: int) -> Decimal:
    return Decimal(pico).scaleb(-12)


def link_of(dashboard: str, title: str, column: str) -> str:
    """The address behind a cell."""
    (panel,) = (p for p in panels(dashboards()[f"spanledger-{dashboard}"]) if name_of(p) == title)
    (override,) = (o for o in panel["fieldConfig"]["overrides"] if o["matcher"]["options"] == column)
    (links,) = (p["value"] for p in override["properties"] if p["id"] == "links")
    url: str = links[0]["url"]
    return url


def click(
    dashboard: str, title: str, column: str, row: Mapping[str, object], values: Mapping[str, Value]
) -> tuple[str, dict[str, Value], tuple[datetime, datetime]]:
    """The dashboard, the variables and the window after a click on a cell."""
    visit = follow(link_of(dashboard, title, column), SINCE, values, row)
    found: dict[str, Value] = {}
    for name, given in visit.parameters.items():
        if name.startswith("var-"):
            found[name[4:]] = given if name == "var-env" else given[0]
    window = tuple(
        datetime.fromtimestamp(int(visit.parameters[name][0]) / 1000, ANCHOR.tzinfo)
        for name in ("from", "to")
    )
    return visit.path.removeprefix("/d/spanledger-"), found, (window[0], window[1])


def test_overview_shows_the_spend_of_the_plan(reader: Reader) -> None:
    (shown,) = rows(reader, "overview", "What was spent?")
    calls, requests = count(*SINCE)
    assert shown["cost_usd"] == usd(spend(*SINCE))
    assert shown["baseline_cost_usd"] == usd(spend(*BEFORE))
    assert shown["delta_usd"] == usd(spend(*SINCE) - spend(*BEFORE))
    assert (shown["calls"], shown["requests"]) == (calls, requests)
    assert shown["usd_per_hour"] == pytest.approx(usd(spend(*SINCE)) / 6, abs=Decimal("1e-11"))


def test_spend_over_time_sums_to_the_spend_of_its_hours(reader: Reader) -> None:
    hours = (DEPLOY.replace(minute=0), ANCHOR.replace(minute=0))
    shown = rows(reader, "overview", "Spend by endpoint", window=hours)
    answers = sum(row["cost_usd"] or 0 for row in shown if row["segment"] == "support.answer")
    assert answers == usd(spend(*hours, lambda request: request.feature.tag == "support.answer"))
    assert sum(row["cost_usd"] or 0 for row in shown) == usd(spend(*hours))


@pytest.mark.parametrize("baseline", ["previous", "24h", "100h", "7h"])
def test_a_point_of_the_baseline_is_where_it_was_when_its_click_opens(reader: Reader, baseline: str) -> None:
    points = rows(reader, "overview", "Spend against the baseline", {**DEFAULTS, "baseline": baseline})
    assert {point["segment"] for point in points} == (
        {"now", "before"} if baseline in ("previous", "7h") else {"now"}  # the data begin 24 hours back
    )
    for point in points:
        names = ("before_from_ms", "before_until_ms") if point["segment"] == "before" else ("", "until_ms")
        start = datetime.fromtimestamp(point[names[0]] / 1000, UTC) if names[0] else point["time"]
        end = datetime.fromtimestamp(point[names[1]] / 1000, UTC)
        assert (point["cost_usd"] or 0) == usd(spend(start, end))


def test_the_last_twelve_months_are_twelve_also_where_there_was_nothing(reader: Reader) -> None:
    months = rows(reader, "month", "The last twelve months")
    assert [month["month"] for month in months] == sorted(
        f"{2025 if number > 5 else 2026}-{number:02}" for number in range(1, 13)
    )
    assert [month["cost_usd"] for month in months[:-1]] == [None] * 11
    assert months[-1]["cost_usd"] > 0


def test_the_terms_of_compare_sum_to_the_change_exactly(reader: Reader) -> None:
    *terms, whole = rows(reader, "compare", "Why? The terms of the change")
    assert whole["term"] == "change"
    assert sum(term["usd"] for term in terms) == whole["usd"] == usd(spend(*SINCE) - spend(*BEFORE))


def test_the_waterfall_ends_where_it_should(reader: Reader) -> None:
    steps = rows(reader, "compare", "From before to now")
    risen = sum((s["rise_usd"] or 0) - (s["fall_usd"] or 0) for s in steps)
    assert steps[0]["level_usd"] == usd(spend(*BEFORE))
    assert steps[-1]["level_usd"] == usd(spend(*SINCE)) == steps[0]["level_usd"] + risen
    assert all(s["base_usd"] >= 0 for s in steps)


def test_hops_show_what_the_command_line_shows(reader: Reader) -> None:
    values = {**DEFAULTS, "endpoint": "support.answer"}
    answer = compare(reader, Question(*SINCE, focus=Focus(endpoint="support.answer")))
    assert answer.total is not None
    assert answer.spike is not None
    (totals,) = rows(reader, "compare", "How much?", values)
    story = rows(reader, "compare", "What kind of change, and who or what drove it?", values)
    (figures,) = rows(reader, "endpoints", "The selection in one line", values)
    terms = {r["term"]: r["usd"] for r in rows(reader, "compare", "Why? The terms of the change", values)}
    assert totals["cost_usd"] == figures["cost_usd"] == answer.total.cost_usd
    assert totals["delta_usd"] == terms["change"] == answer.total.delta_usd
    assert sum(line["delta_usd"] for line in story if line["place"]) == answer.total.delta_usd
    assert terms["volume"] == answer.total.volume_usd
    assert {line["class"] for line in story} == {answer.spike.name}
    assert all(line["sentence"].strip() in answer.spike.sentence for line in story if line["place"])


def test_a_line_of_the_story_opens_the_built_in_page_where_its_address_is_known(reader: Reader) -> None:
    lines = rows(reader, "overview", "What changed most?")
    assert lines
    for line in lines:
        address, _, given = line["page_url"].partition("/compare?")
        question = question_of(parse_qsl(given), ANCHOR)
        assert (line["page_link"], address) == ("page", PAGES_AT)
        assert (question.start, question.end, question.baseline) == (*SINCE, "previous")
        for focus in ("endpoint", "prompt_version"):
            assert getattr(question.focus, focus) == (None if line[focus] == "*" else line[focus])


@pytest.mark.parametrize(
    ("dashboard", "panel", "focus"),
    [
        ("endpoints", "Which endpoint?", ("endpoint",)),
        ("prompts", "Does the new version cost more?", ("endpoint", "prompt_version")),
        ("users", "Which tenant?", ("tenant",)),
        ("users", "Which user?", ("user", "tenant")),
    ],
)
def test_a_row_of_a_focused_dashboard_opens_the_page_where_an_incident_is_opened_for_it(
    reader: Reader, dashboard: str, panel: str, focus: tuple[str, ...]
) -> None:
    lines = [line for line in rows(reader, dashboard, panel) if line["page_link"] == "page"]
    assert lines
    for line in lines:
        question = question_of(parse_qsl(line["page_url"].partition("/compare?")[2]), ANCHOR)
        assert (question.start, question.end, question.baseline) == (*SINCE, "previous")
        assert question.focus._asdict() | {name: line[name] for name in focus} == question.focus._asdict()


def test_the_drivers_list_holds_every_dimension_with_its_focus(reader: Reader) -> None:
    found = rows(reader, "compare", "Where is it?")
    every = {"endpoint", "prompt version", "model", "tenant", "user"}
    assert {row["kind"] for row in found} - {"driver"} == every  # which is of several dimensions
    (version,) = (
        row for row in found if row["kind"] == "prompt version" and row["prompt_version"] == "answer_v8"
    )
    assert version["endpoint"] == "support.answer"
    assert version["cost_usd"] == usd(spend(*SINCE, lambda request: request.prompt.version == "answer_v8"))
    changes = [abs(row["delta_usd"]) for row in found]
    assert changes == sorted(changes, reverse=True)


@pytest.mark.parametrize("window", [(ANCHOR - timedelta(hours=24), ANCHOR), SINCE])
def test_a_against_b_is_the_new_version_against_the_old_one_wherever_that_ran(
    reader: Reader, window: tuple[datetime, datetime]
) -> None:
    """Inside the range, or only in its baseline, where the old version ran before the deploy."""
    shown = {row["figure"]: row for row in rows(reader, "prompts", "A against B", window=window)}
    where = (("answer_v8", "a", window), ("answer_v7", "b", window if window != SINCE else BEFORE))
    for version, side, ran in where:
        calls, requests = count(*ran, lambda request, v=version: request.prompt.version == v)  # type: ignore[misc]
        cost = spend(*ran, lambda request, v=version: request.prompt.version == v)  # type: ignore[misc]
        assert shown["calls compared"][side] == calls
        assert shown["cost per request"][side] == pytest.approx(float(usd(cost)) / requests)
    assert 2.7 < shown["output tokens per request"]["ratio"] < 3.3
    (verdict,) = rows(reader, "prompts", "Does the new version cost more?", window=window)
    assert verdict["sentence"].startswith("support.answer: a request costs ")
    assert re.search(r"because answer_v8 writes (2\.[6-9]|3\.\d) times as much", verdict["sentence"])
    assert "same models" in verdict["sentence"]


def test_the_heavy_tenant_stands_out_and_nobody_is_never_blamed(reader: Reader) -> None:
    day = (ANCHOR - timedelta(hours=24), ANCHOR)
    (shown,) = rows(reader, "users", "Does one of them make the spend?", window=day)
    share = spend(*day, lambda request: request.tenant == "northwind") / spend(*day)
    assert shown["top_tenant"] == "northwind"
    assert shown["top_tenant_share"] == pytest.approx(share, rel=1e-3)  # three calls are not the plan's
    states = {row["tenant"]: row["state"] for row in rows(reader, "users", "Which tenant?", window=day)}
    assert states["northwind"] in ("usual", "concentrated", "new")


def test_the_model_without_a_price_is_listed_and_makes_the_spend_a_lower_bound(reader: Reader) -> None:
    calls, _ = count(*SINCE, lambda request: request.model.input is None)
    (queue,) = rows(reader, "models", "Which models have no price?")
    assert queue["model"] == "gpt-oss-20b-catalog"
    (uncounted,) = rows(reader, "overview", "What is not included in the spend?")
    assert uncounted["exactness"] == "at least"
    assert 0 < uncounted["unpriced_calls"] <= calls


def test_data_outside_the_selection_is_what_a_click_selects(reader: Reader) -> None:
    day = (ANCHOR - timedelta(hours=24), ANCHOR)
    (row,) = rows(reader, "overview", "Data outside this selection", window=day)
    assert (row["environment"], row["data_mode"], row["calls"]) == ("staging", "test", 5)
    page, values, _ = click("overview", "Data outside this selection", "environment", row, DEFAULTS)
    assert page == "overview"
    (shown,) = rows(reader, page, "What was spent?", {**DEFAULTS, **values}, day)
    assert shown["calls"] == 5


def marks(reader: Reader, name: str) -> list[tuple[Any, ...]]:
    """The annotations of that name on Overview: time, end, text, tags."""
    listed = dashboards()["spanledger-overview"]["annotations"]["list"]
    (annotation,) = (each for each in listed if each["name"] == name)
    day = Range(ANCHOR - timedelta(hours=24), ANCHOR)
    return reader.execute(expand(fill(annotation["target"]["rawSql"], DEFAULTS), day).encode()).fetchall()


def test_incidents_and_the_alerts_in_none_are_marked_where_they_began(reader: Reader) -> None:
    found = marks(reader, "Alerts and incidents")

    assert sorted(tags for _, _, _, tags in found) == ["alert,critical", "alert,warning", "incident,warning"]
    assert {end for _, end, _, _ in found} == {None}  # points: windows would colour the chart
    assert {time.replace(microsecond=0) for time, _, _, _ in found} == {ANCHOR - timedelta(minutes=30)}
    assert [text[:10] for _, _, text, tags in found if tags.startswith("incident")] == ["Incident 1"]


def test_the_deploy_is_an_annotation_at_its_first_minute(reader: Reader) -> None:
    found = marks(reader, "Prompt versions first seen")
    first = min(c.start_ns for r, c in plan().calls() if r.prompt.version == "answer_v8") // 60_000_000_000
    at = {text: time for time, _, text, _ in found}
    assert at["Prompt version answer_v8 of support.answer first seen"].timestamp() == first * 60
    assert "Prompt version answer_v7 of support.answer first seen" not in at  # was there from the beginning
    assert len(found) <= 20


def test_a_deploy_before_the_range_stands_at_its_beginning(reader: Reader) -> None:
    annotation, *_ = dashboards()["spanledger-overview"]["annotations"]["list"]
    last = Range(ANCHOR - timedelta(hours=1), ANCHOR)
    found = reader.execute(expand(fill(annotation["target"]["rawSql"], DEFAULTS), last).encode()).fetchall()
    (at,) = [time for time, _, text, _ in found if "answer_v8" in text and "before this range" in text]
    assert at == last.start


def test_month_to_date_is_the_sum_of_the_month(reader: Reader) -> None:
    day = (ANCHOR - timedelta(hours=24), ANCHOR)
    (month,) = rows(reader, "month", "What will this month cost?", window=day)
    by = rows(reader, "month", "By tenant", window=day)
    assert usd(spend(*day)) <= month["spent_usd"] < usd(spend(*day)) + 1
    assert sum(row["cost_usd"] for row in by) == month["spent_usd"]
    assert (
        sum(row["cost_usd"] for row in rows(reader, "month", "Spend by day", window=day))
        == month["spent_usd"]
    )
    assert month["projected_usd"] is None  # not one full day yet


WINDOW_OF_ITS_OWN = f"{BEFORE[0]:%Y-%m-%dT%H:%M:%SZ}..{BEFORE[0] + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("typed", "start", "end"),
    [
        (WINDOW_OF_ITS_OWN, BEFORE[0], BEFORE[0] + timedelta(hours=2)),
        (WINDOW_OF_ITS_OWN.replace(":00Z", "Z"), BEFORE[0], BEFORE[0] + timedelta(hours=2)),
        ("7h", SINCE[0] - timedelta(hours=7), SINCE[1] - timedelta(hours=7)),
        ("..".join(reversed(WINDOW_OF_ITS_OWN.split(".."))), *BEFORE),
        ("2026-02-31T00:00:00Z..2026-03-01T00:00:00Z", *BEFORE),
        ("2026-05-04..2026-05-05", *BEFORE),
        ("yesterday", *BEFORE),
    ],
)
def test_a_baseline_may_be_typed_and_nonsense_is_the_window_before(
    reader: Reader, typed: str, start: datetime, end: datetime
) -> None:
    values = {**DEFAULTS, "baseline": typed}
    (totals,) = rows(reader, "compare", "How much?", values)
    assert totals["baseline_cost_usd"] == usd(spend(start, end))
    _, used = rows(reader, "compare", "Which windows?", values)
    assert (used["from_used"], used["to_used"]) == (start, end)


MONEY = re.compile(r"^(≥ )?[+-]?\$[\d,.]+( \([+-].*\))?$|^unknown$|^–$|^no data$|^nothing$|^no full day yet$")
UNPRICED = {"endpoint": "catalog.describe", "prompt_version": "describe_v1", "model": "gpt-oss-20b-catalog"}


@pytest.mark.parametrize("uid", sorted(dashboards()))
def test_the_cost_of_a_model_without_a_price_is_nowhere_zero(reader: Reader, uid: str) -> None:
    """In no table that shows it, by whatever name, in text or number."""
    for panel in panels(dashboards()[uid]):
        if panel["type"] not in ("table", "stat"):
            continue
        shown = {
            override["matcher"]["options"]
            for override in panel["fieldConfig"]["overrides"]
            if override["properties"] and not any(p["id"] == "custom.hidden" for p in override["properties"])
        }
        for row in rows(reader, uid.removeprefix("spanledger-"), name_of(panel)):
            if not any(row.get(name) == value for name, value in UNPRICED.items()):
                continue
            for name in shown:
                assert row.get(name) != "$0.00", (panel["title"], name, row)
                assert not (name.endswith("_usd") and row[name] == 0), (panel["title"], name, row)


@pytest.mark.parametrize("values", [DEFAULTS, {**DEFAULTS, "endpoint": "no such endpoint"}])
def test_money_in_words_reads_alike_everywhere(reader: Reader, values: Mapping[str, Value]) -> None:
    names = {"spend", "before", "now", "change", "unit_cost", "spent", "projected", "last_month", "amount"}
    seen = 0
    for uid, dashboard in dashboards().items():
        for panel in panels(dashboard):
            if panel["type"] in ("table", "stat"):
                for row in rows(reader, uid.removeprefix("spanledger-"), name_of(panel), values):
                    for name in names & set(row):
                        if isinstance(row[name], str) and row[name]:
                            assert MONEY.match(row[name]), (panel["title"], name, row[name])
                            assert row[name] != "-$0.00"
                            seen += 1
    assert seen > 50


def test_a_choice_that_empties_the_view_is_named_and_its_link_shows_the_rest(reader: Reader) -> None:
    values = {**DEFAULTS, "endpoint": "product.qa", "prompt_version": "answer_v8", "baseline": "yesterday"}
    (note,) = rows(reader, "endpoints", "Notes", values)
    assert note["state"] == "no calls"
    assert "because of prompt version answer_v8" in note["note"]
    assert '"yesterday" (Against) is not understood' in note["note"]
    page, cleared, window = click("endpoints", "Notes", "name", note, values)
    assert (page, window) == ("endpoints", SINCE)
    wanted = {**values, "prompt_version": "*"}
    assert cleared == {name: wanted[name] for name in cleared}
    assert {"env", "data_mode", "baseline", "service", *FOCUS} == set(cleared)
    (elsewhere,) = rows(reader, "overview", "Notes", {**DEFAULTS, "data_mode": "test", "env": ["dev"]})
    assert elsewhere["state"] == "no calls"
    page, found, _ = click("overview", "Notes", "name", elsewhere, DEFAULTS)
    assert (found["env"], found["data_mode"]) == (["prod"], "real")


def test_the_strip_says_nothing_where_nothing_is_missing(reader: Reader) -> None:
    values = {**DEFAULTS, "endpoint": "product.qa"}
    quiet = (ANCHOR - timedelta(hours=16), ANCHOR - timedelta(hours=14))
    notes = rows(reader, "endpoints", "Notes", values, quiet)
    assert [note["note"] for note in notes if "lower bounds" in note["note"]] == []
