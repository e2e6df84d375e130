"""The list of incidents, and the page of one: who, what contains it, did it work, and what keeps it away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from operations import format as words
from operations.compare.drivers import Driver
from operations.compare.model import Change
from operations.inbox.frozen import Story
from operations.inbox.receive import rows as inbox_rows
from operations.inbox.story import question_of, stored
from operations.incidents import model
from operations.incidents.burn import SETTLING, SHORTEST
from operations.incidents.containment import Containment, Facts, containment
from operations.incidents.model import CLASSES, Connection, rows
from operations.web.grafana import GrafanaLinks
from operations.web.parameters import Links
from operations.web.render import Service, render

SHOWN = 200
STATES: Final = ("active", "open", "acknowledged", "contained", "closed", "*")
_PATH: Final = ("open", "acknowledged", "contained", "closed")


class Filters(NamedTuple):
    """What the list shows; `active` is all that is not closed, `*` everything."""

    state: str = "active"
    env: str = "*"
    owner: str = "*"


CHOICES: Final = {"state": STATES}


def incidents_page(connection: Connection, filters: Filters, links: Links, service: Service | None) -> str:
    """The list of incidents, those that are not closed first."""
    found = rows(connection, "listed", limit=SHOWN, **filters._asdict())
    return render(
        "incidents/list.html", incidents=found, filters=filters, states=STATES, links=links, service=service,
        refresh=60,
    )  # fmt: skip


def incident_page(connection: Connection, number: int, links: Links, service: Service | None) -> str | None:
    """One incident; None where there is none of that number."""
    found = rows(connection, "incident", id=number)
    if not found:
        return None
    incident = found[0]
    alerts = rows(connection, "alerts", id=number)
    first = inbox_rows(connection, "episode", id=incident["first_alert"] or 0)
    advice = advice_of(connection, incident)
    question = question_of(incident)
    burn = rows(connection, "burn", id=number)
    return render(
        "incidents/incident.html", incident=incident, alerts=alerts, question=question, advice=advice,
        burn=burn[0] if burn else None, burn_words=burn_words(burn[0]) if burn else "",
        burn_due=_burn_due(incident), missing=model.missing(incident), classes_of_driver=CLASSES,
        possible=model.possible(incident["state"]), path=_PATH, suggestion=_suggestion(advice),
        recurrences=rows(connection, "recurrences", id=number),
        audit=inbox_rows(connection, "audit", subject="incident", id=number),
        grafana=GrafanaLinks.of(first[0]) if first else GrafanaLinks(""), links=links, service=service,
        refresh=None,
    )  # fmt: skip


def advice_of(connection: Connection, incident: Mapping[str, Any]) -> Containment:
    """What contains an incident, with its own values."""
    first = incident["first_alert"]
    night = stored(connection, first) if first else None
    return containment(facts_of(incident, night, _output_tokens(connection, incident)))


def facts_of(incident: Mapping[str, Any], night: Story | None, output_tokens: float | None) -> Facts:
    """What the containment is made of: the driver's own figures where it is known, else the window's."""
    driver = night.answer.drivers[0] if night and night.answer.drivers else None
    total = night.answer.total if night else None
    spike = night.answer.spike if night else None
    figures: Driver | Change | None = driver or total
    return Facts(
        driver_class=incident["driver_class"],
        driver=incident["driver"],
        focus=incident["focus"],
        environment=incident["environment"],
        window=incident["window_to"] - incident["window_from"],
        at=incident["window_from"],
        requests=figures.requests if figures else 0,
        baseline_requests=figures.baseline_requests if figures else 0,
        cost_usd=figures.cost_usd if figures else Decimal(0),
        baseline_cost_usd=figures.baseline_cost_usd if figures else Decimal(0),
        usd_per_request=figures.cost_per_request_usd if figures else None,
        baseline_usd_per_request=figures.baseline_cost_per_request_usd if figures else None,
        output_tokens_per_request=output_tokens,
        model=_model(spike.subject if spike and spike.name == "unknown_model" else None),
        unpriced_calls=total.unpriced_calls if total else 0,
    )


def _model(subject: str | None) -> tuple[str, str] | None:
    provider, found, name = (subject or "").partition("/")
    return (provider, name) if found and provider and name else None


def _output_tokens(connection: Connection, incident: Mapping[str, Any]) -> float | None:
    """Mean output tokens of a request of the driver in the baseline."""
    (baseline,) = rows(
        connection, "baseline_of", start=incident["window_from"], end=incident["window_to"],
        baseline=incident["baseline"],
    )  # fmt: skip
    question = question_of(incident)
    focus = question.focus._replace(prompt_version=None, model=None)._asdict()
    (found,) = rows(
        connection, "level", start=baseline["start"], end=baseline["until"],
        environment=incident["environment"], data_mode=incident["data_mode"], **focus,
    )  # fmt: skip
    return None if found["output_tokens_per_request"] is None else float(found["output_tokens_per_request"])


def _suggestion(advice: Containment) -> str:
    """The guardrail that the patches make: what is proposed in the form."""
    lasting = [each for each in advice.patches if each.file in ("budgets.yaml", "rules.yaml", "prices.yaml")]
    if not lasting:
        return ""
    return "\n".join(f"{each.file}:\n{each.text.rstrip()}" for each in lasting)


_LEVELS: Final = {
    "usd_per_hour": ("an hour", 2),
    "usd_per_request": ("a request", 6),
    "unpriced_per_hour": ("calls without a price an hour", 0),
}
_VERDICTS: Final = {
    "worked": "The containment worked.",
    "partly": "The containment worked in part.",
    "not": "The containment did not work.",
    "no excess": "There is no excess to measure: the incident's window did not cost more than its baseline.",
    "no data": "There is not enough traffic since to say whether it worked.",
}


def burn_words(burn: Mapping[str, Any]) -> str:
    """The verdict with its numbers."""
    unit, places = _LEVELS[burn["measure"]]

    def level(value: Decimal | None) -> str:
        if value is None:
            return words.DASH
        return f"{value:,.1f}" if not places else words.usd(value, places)

    return (
        f"{_VERDICTS[burn['verdict']]} Before the incident {level(burn['before_level'])}, during it "
        f"{level(burn['during_level'])}, since the containment {level(burn['after_level'])} {unit} "
        f"({words.span(burn['window_from'], burn['window_to'])}"
        f"{'' if burn['is_final'] else '; measured again until an hour is full'})."
    )


def _burn_due(incident: Mapping[str, Any]) -> datetime | None:
    """When the first measurement can be there."""
    if incident["contained_at"] is None:
        return None
    due: datetime = incident["contained_at"].astimezone(UTC) + SETTLING + SHORTEST + SETTLING * 2
    return due
