"""The inbox and the page of one alert: what changed, by how much and because of what, then and today."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from operations import format as words
from operations.compare.cause import unlisted_cause
from operations.compare.model import Change, Comparison, Question
from operations.inbox import lifecycle, story
from operations.inbox.frozen import Story
from operations.inbox.receive import rows
from operations.incidents import model as incidents
from operations.web.grafana import GrafanaLinks
from operations.web.parameters import Links
from operations.web.queries import Connection
from operations.web.render import Service, render
from operations.web.svg import chart, waterfall

SHOWN = 200
STATES: Final = ("active", "open", "acknowledged", "contained", "resolved", "*")
SEVERITIES: Final = ("*", "critical", "warning", "info")


class Filters(NamedTuple):
    """What the inbox shows; `*` is everything, `active` all that is not resolved."""

    state: str = "active"
    severity: str = "*"
    env: str = "*"
    data_mode: str = "*"
    rule: str = "*"
    owner: str = "*"


CHOICES: Final = {"state": STATES, "severity": SEVERITIES}


def inbox_page(connection: Connection, filters: Filters, links: Links, service: Service | None) -> str:
    """The list of alerts, those that nobody has taken on first."""
    found = rows(connection, "listed", limit=SHOWN + 1, **filters._asdict())
    choices = {row["kind"]: row["names"] for row in rows(connection, "choices")}
    watchdog = rows(connection, "watchdog")[0]
    return render(
        "inbox/list.html", alerts=found[:SHOWN], is_cut=len(found) > SHOWN, filters=filters, choices=choices,
        states=STATES, severities=SEVERITIES, watchdog=watchdog["last_seen"], now=datetime.now(UTC),
        state_link=lambda state: _address(links, filters._replace(state=state)),
        links=links, service=service, refresh=60,
    )  # fmt: skip


def _address(links: Links, filters: Filters) -> str:
    return f"{links.page('inbox')}?{urlencode(filters._asdict())}"


def alert_page(connection: Connection, number: int, links: Links, service: Service | None) -> str | None:
    """The story of one alert; None where there is none of that number."""
    found = rows(connection, "episode", id=number)
    if not found:
        return None
    alert = found[0]
    question = story.question_of(alert)
    night = story.stored(connection, number)
    today = story.today(connection, question, night) if night else None
    is_pending = _is_pending(alert, night)
    return render(
        "inbox/alert.html", alert=alert, question=question, night=night, today=today,
        told=story.told_of(alert, night), grafana=GrafanaLinks.of(alert),
        possible=lifecycle.possible(alert["state"]), drawing=_drawing(night), steps=_steps(night),
        audit=rows(connection, "audit", subject="alert", id=number),
        deliveries=rows(connection, "deliveries", id=number), open_ones=_open_ones(connection, alert),
        cause=unlisted_cause(night.answer, question.focus) if night else {},
        doubts=_doubts(question, night), is_pending=is_pending, links=links, service=service,
        refresh=3 if is_pending else None, compare_then=_then_and_now(night, today),
    )  # fmt: skip


def _is_pending(alert: Mapping[str, Any], night: Story | None) -> bool:
    """Whether the explanation is about to come: it takes seconds."""
    waits = night is None and alert["has_fired"] and not alert["is_test"] and alert["rule"] != "watchdog"
    young = datetime.now(UTC) - alert["first_seen"].astimezone(UTC)
    return bool(waits and not alert["is_told"] and young.total_seconds() < 120)


def _drawing(night: Story | None) -> Any:
    return chart(night.points["now"], night.points["before"]) if night and night.points else None


def _steps(night: Story | None) -> Any:
    return waterfall(night.answer.total) if night and night.answer.total else None


def _doubts(question: Question, night: Story | None) -> list[str]:
    return words.doubts(question, night.answer.total) if night and night.answer.total else []


def _open_ones(connection: Connection, alert: Mapping[str, Any]) -> list[dict[str, Any]]:
    if alert["incident_id"]:
        return []
    return incidents.rows(connection, "open_ones", environment=alert["environment"])


def _then_and_now(night: Story | None, today: story.Today | None) -> list[tuple[str, str, str]]:
    """Figures of the night beside those of today, as they read; both the same where nothing changed."""
    if night is None or today is None or night.answer.total is None or today.answer.total is None:
        return []
    then, now = (_figures(each.answer.total, each.answer) for each in (night, today))
    return [(name, then[name], now[name]) for name in then]


def _figures(total: Change | None, answer: Comparison) -> dict[str, str]:
    if total is None:
        return {}
    name = answer.spike.name if answer.spike else words.DASH
    return {
        "spend": words.usd(total.cost_usd, 2, total.at_least),
        "baseline": words.usd(total.baseline_cost_usd, 2, total.baseline_at_least),
        "change": words.signed(total.delta_usd),
        "requests": words.number(total.requests),
        "calls": words.number(total.calls),
        "per request": words.unit_usd(total.cost_per_request_usd),
        "kind": words.CLASSES.get(name, name),
    }
