"""What the containment of an incident is made of: the driver's own figures, before and during."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from operations.compare.drivers import Driver
from operations.inbox.frozen import Story
from operations.inbox.story import stored
from operations.incidents.burn import baseline_of, level, measure_of, scope_of
from operations.incidents.containment import Containment, Facts, containment
from operations.incidents.model import Connection, Row, rows

_NEW_VERSION = "deploy"


def advice_of(connection: Connection, incident: Mapping[str, Any]) -> Containment:
    """What contains an incident, with its own values."""
    first = incident["first_alert"]
    return containment(facts_of(connection, incident, stored(connection, first) if first else None))


def facts_of(connection: Connection, incident: Mapping[str, Any], night: Story | None) -> Facts:
    """The figures of the driver: of the night where its story has just this driver, else the ledger's own.

    The ledger's are those that the burn is judged by: a new version is measured at its endpoint.
    """
    before = baseline_of(connection, incident)
    window = incident["window_from"], incident["window_to"]
    focus = scope_of(incident, measure_of(incident["driver_class"]))
    then, now = (level(connection, incident, focus, each) for each in (before, window))
    driver = _driver(incident, night)
    spike = night.answer.spike if night else None
    return Facts(
        driver_class=incident["driver_class"],
        driver=incident["driver"],
        focus=incident["focus"],
        environment=incident["environment"],
        window=window[1] - window[0],
        at=window[0],
        requests=driver.requests if driver else now["requests"],
        baseline_requests=driver.baseline_requests if driver else then["requests"],
        cost_usd=driver.cost_usd if driver else now["usd"],
        baseline_cost_usd=driver.baseline_cost_usd if driver else then["usd"],
        usd_per_request=driver.cost_per_request_usd if driver else now["usd_per_request"],
        baseline_usd_per_request=(
            driver.baseline_cost_per_request_usd if driver else then["usd_per_request"]
        ),
        output_tokens_per_request=_output_tokens(connection, incident, before),
        former_version=_former_version(connection, incident, before),
        model=_model(spike.subject if spike and spike.name == "unknown_model" else None),
        unpriced_calls=now["unpriced_calls"],
    )


def _driver(incident: Mapping[str, Any], night: Story | None) -> Driver | None:
    drivers = night.answer.drivers if night else []
    return next((each for each in drivers if each.focus == incident["focus"]), None)


def _model(subject: str | None) -> tuple[str, str] | None:
    provider, found, name = (subject or "").partition("/")
    return (provider, name) if found and provider and name else None


def _output_tokens(
    connection: Connection, incident: Mapping[str, Any], before: tuple[Any, Any]
) -> float | None:
    """Mean output tokens of a request of the driver in the baseline."""
    focus = scope_of(incident, "usd_per_request")
    mean: Decimal | None = level(connection, incident, focus, before)["output_tokens_per_request"]
    return None if mean is None else float(mean)


def _former_version(
    connection: Connection, incident: Mapping[str, Any], before: tuple[Any, Any]
) -> str | None:
    """What a new version took over from: the version that its endpoint used most in the baseline."""
    endpoint, version = (incident["focus"].get(name) for name in ("endpoint", "prompt_version"))
    if incident["driver_class"] != _NEW_VERSION or not endpoint:
        return None
    found: list[Row] = rows(
        connection, "former_version", start=before[0], end=before[1], environment=incident["environment"],
        data_mode=incident["data_mode"], endpoint=endpoint, version=version,
    )  # fmt: skip
    return str(found[0]["prompt_version"]) if found else None
