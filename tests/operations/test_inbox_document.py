"""Reading alert documents: what is kept, what is assumed, and what a broken alert costs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.inbox.document import Unreadable, parse, read
from tests.operations.alert_documents import START, WINDOW, alert, alertmanager, button_alert, grafana, later


def one(document: dict[str, Any]) -> Any:
    (found,) = read(document).alerts
    return found


def test_window_baseline_focus_values_and_links_of_grafanas_alert_are_kept() -> None:
    found = one(grafana(alert()))

    assert (found.org_id, found.fingerprint, found.status) == (1, "a1b2c3d4e5f60718", "firing")
    assert found.starts_at == START + timedelta(microseconds=123456)
    assert (found.window_from, found.window_to, found.is_window_given) == (*WINDOW, True)
    assert (found.baseline, found.focus) == ("24h", {"endpoint": "checkout"})
    assert (found.score, found.value, found.threshold) == (1.62, 0.0081, 0.005)
    assert (found.environment, found.data_mode, found.severity) == ("prod", "real", "warning")
    assert found.links["investigate"].startswith("https://grafana.example/d/spanledger-compare/")
    assert found.links["runbook"].endswith("#cost_drift_endpoint")


def test_without_a_window_it_is_the_two_hours_before_the_start() -> None:
    found = one(alertmanager())

    assert (found.window_to - found.window_from, found.window_to) == (timedelta(hours=2), found.starts_at)
    assert not found.is_window_given
    assert found.baseline == "24h"  # as its link says


@pytest.mark.parametrize(("hours", "baseline"), [(0, "previous"), (24, "24h"), (168, "168h"), (None, "24h")])
def test_the_baseline_comes_in_hours(hours: int | None, baseline: str) -> None:
    told = alert()
    told["values"]["BASE"] = hours

    assert one(grafana(told)).baseline == baseline


def test_alertmanagers_document_is_told_apart() -> None:
    assert read(alertmanager()).source == "alertmanager"
    assert read(grafana(alert())).source == "grafana"


def test_grafanas_test_button_is_a_test() -> None:
    found = one(grafana(button_alert()))

    assert (found.is_test, found.severity) == (True, "info")
    assert not one(grafana(alert(alertname="TestAlert"))).is_test


def test_severities_of_one_topic_share_it_and_other_subjects_do_not() -> None:
    def topic(**labels: str) -> str:
        return str(one(grafana(alert(**labels))).topic)

    assert topic(rule="budget_warning") == topic(rule="budget_exceeded", severity="critical")
    assert len({topic(), topic(endpoint="search"), topic(env="dev"), topic(rule="other")}) == 4


def test_a_broken_alert_costs_only_itself() -> None:
    broken = alert()
    del broken["startsAt"]

    told = read(grafana(broken, alert(), "no alert"))  # type: ignore[arg-type]

    assert len(told.alerts) == 1
    assert told.faults == [
        "alert 0: startsAt is missing, or no time in RFC 3339",
        "alert 2: not an object",
    ]


def test_an_end_before_the_start_is_the_start() -> None:
    assert one(grafana(alert(ended_at=later(-5)))).ended_at == START + timedelta(microseconds=123456)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'"text"', b"[" * 100_000, b"{}", b'{"alerts": 1}']
)
def test_what_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(parse(body))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_anything_in_any_field_is_read_or_refused(data: st.DataObject) -> None:
    told = alert()
    for name in data.draw(st.lists(st.sampled_from(sorted(told)), max_size=4)):
        told[name] = data.draw(ANYTHING)

    document = read(grafana(told))

    assert len(document.alerts) + len(document.faults) == 1
    for found in document.alerts:
        assert found.window_from < found.window_to
        json.dumps(found.labels | found.annotations | found.values, allow_nan=False).encode()
