"""The list of incidents, and the page of one: who, what contains it, did it work, and what keeps it away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from operations import format as words
from operations.inbox.receive import rows as inbox_rows
from operations.inbox.story import question_of
from operations.incidents import model
from operations.incidents.burn import SETTLING, SHORTEST
from operations.incidents.containment import Containment
from operations.incidents.facts import advice_of
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
        refresh=None, example=words.instant(datetime.now(UTC) - SHORTEST)[:16],
    )  # fmt: skip


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
