"""What the forms of the alert and incident pages change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.requests import Request

from operations import times
from operations.inbox import lifecycle
from operations.inbox.lifecycle import NotAllowed
from operations.incidents import burn, model
from operations.web.parameters import BadParameter, question_of
from operations.web.queries import Connection
from service.web.forms import Act, Form
from service.web.sign_in import Person


def change_alert(connection: Connection, request: Request, person: Person, form: Form) -> str:
    """`/alert/<id>/<action>`: move an alert, or make it (part of) an incident."""
    number, action = number_of(request), request.path_params["action"]
    if action == "incident":
        chosen = form.get("incident", "")
        if not chosen:
            return f"../../incident/{model.open_incident(connection, number, person.name)}"
        if not chosen.isdecimal() or len(chosen) > 15:
            raise NotAllowed("there is no such incident")
        model.add_alert(connection, int(chosen), number, person.name)
        return f"../../incident/{chosen}"
    lifecycle.move(connection, number, action, person.name)
    return f"../{number}"


def open_incident(connection: Connection, request: Request, person: Person, form: Form) -> str:
    """`/incident/open`: an incident for the window, selection and focus of the address, without an alert."""
    try:
        question = question_of(request.query_params.multi_items(), datetime.now(UTC))
    except BadParameter as error:
        raise NotAllowed(error.sentence.rstrip(".")) from None
    return f"{model.open_for(connection, question, person.name)}"


def change_incident(connection: Connection, request: Request, person: Person, form: Form) -> str:
    """`/incident/<id>/<action>`: store what was written, and move the incident where the action does."""
    number, action = number_of(request), request.path_params["action"]
    version = form.get("version", "")
    if not version.isdecimal() or len(version) > 9:
        raise NotAllowed("the form is not complete; load its page again")
    texts = {name: form[name] for name in model.EDITABLE if name in form}
    if action == "write":
        model.write(connection, number, int(version), texts, person.name)
    else:
        now = datetime.now(UTC)
        model.move(connection, number, int(version), action, person.name, texts, _contained_at(form, now))
        burn.measure_if_due(connection, number, now)
    return f"../{number}"


def _contained_at(form: Form, now: datetime) -> datetime | None:
    """Since when the containment holds; None where the field is empty: from now on."""
    text = form.get("contained_at", "").strip()
    try:
        return times.instant(text, now) if text else None
    except ValueError as error:
        raise NotAllowed(f"the time of the containment: {error}") from None


def number_of(request: Request) -> int:
    """The number in the address; 0, which nothing has, where PostgreSQL's bigint cannot hold it."""
    number = int(request.path_params["id"])
    return number if number < 2**63 else 0


FORMS: Mapping[str, Act] = {
    "/alert/{id:int}/{action}": change_alert,
    "/incident/open": open_incident,
    "/incident/{id:int}/{action}": change_incident,
}
"""The addresses of forms, and what they do."""
