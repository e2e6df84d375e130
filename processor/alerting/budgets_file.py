"""`budgets.yaml`: how much may be spent, and when to say so (docs/budgets.md).

version: 1
budgets:
  - name: everything
    owner: platform
    monthly: "12000"
    daily: "600"
  - name: tenants
    each: tenant
    daily: "50"
  - name: checkout summaries
    scope: {endpoint: checkout.ai_summary}
    daily: "120"
    warning_ratio: "0.9"
    spend_alerts:
      - {hourly: "25"}
      - {unit_cost: "0.02", min_requests: 100}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import ROUND_CEILING, Decimal
from functools import cache
from typing import Any, Final, NamedTuple

from processor.calls.admission import fit_text
from processor.calls.identity import IdentityRules
from processor.calls.strict_yaml import Value
from processor.calls.vocabulary import environment_name

Json = dict[str, Any]
Rules = Callable[[], IdentityRules]

DIMENSIONS: Final = ("endpoint", "tenant", "user", "model", "service")
"""What a budget can be narrowed to, one or two at once; their order is that of the stored scope."""
WARNING_RATIO: Final = Decimal("0.8")
MIN_REQUESTS: Final = 20
"""Requests in an hour from which on a unit cost is judged: fewer say nothing."""
_PERIODS: Final = {"hourly": "hour", "daily": "day", "monthly": "month"}
_LIMITS: Final = ("daily", "monthly")
_ALERTS: Final = (*_PERIODS, "unit_cost")
_KNOWN: Final = (
    "name", "owner", "scope", "each", "environment", "data_mode", *_LIMITS, "warning_ratio", "spend_alerts",
)  # fmt: skip
_MAX_NAME_BYTES: Final = 200


class Threshold(NamedTuple):
    """A state, and the sum that reaches it.

    Attributes:
        period: `hour`, `day` or `month`, UTC.
        state: `warning`, `exceeded` or `spend_alert`.
        measure: `spend`, or `unit_cost`: spend for each request, or call where a model is in the scope.
        limit: whole pico-USD, as the file has it.
        reached: the smallest whole pico-USD that reaches the state.
        min_count: requests, or calls, from which on a unit cost is judged.
    """

    period: str
    state: str
    measure: str
    limit: int
    reached: int
    min_count: int = 0


def read_budgets(root: Value, rules: Rules | None = None) -> Json:
    """What the file says: `{"budgets": [{name, owner, environment, …, thresholds: [...]}, ...]}`.

    Args:
        rules: how users and tenants are stored, asked for where a scope names one; a value is given as sent
            or as stored. None takes values as they stand.

    Raises:
        ConfigError: with file, line, field and reason.
    """
    sections = root.section("version", "budgets", required=("version",))
    if sections["version"].whole() != 1:
        raise sections["version"].error("expected version 1")
    known = cache(rules) if rules else None
    found: dict[str, Json] = {}
    for entry in sections["budgets"].items() if "budgets" in sections else ():
        budget = _budget(entry, known)
        if budget["name"] in found:
            raise entry.error(f"a budget named {budget['name']!r} stands above already")
        found[budget["name"]] = budget
    return {"budgets": list(found.values())}


def _budget(entry: Value, rules: Rules | None) -> Json:
    values = entry.section(*_KNOWN, required=("name",))
    name, ratio = _name(values["name"]), _ratio(values.get("warning_ratio"))
    thresholds = [*_limits(values, ratio)]
    for alert in values["spend_alerts"].items() if "spend_alerts" in values else ():
        thresholds.append(_alert(alert))
    if not thresholds:
        raise entry.error("daily, monthly or spend_alerts is missing: there is nothing to watch")
    keys = [(each.period, each.state, each.measure, each.limit) for each in thresholds]
    if len(set(keys)) < len(keys):
        raise values["spend_alerts"].error("the same spend-alert stands here twice")
    owner = values["owner"].text() if "owner" in values else None
    return {
        "name": name,
        "owner": owner,
        "warning_ratio": str(ratio),
        **_scope(values, rules),
        "thresholds": [each._asdict() for each in thresholds],
    }


def _name(value: Value) -> str:
    if len(value.text().encode()) > _MAX_NAME_BYTES:
        raise value.error(f"at most {_MAX_NAME_BYTES} bytes")
    return value.text()


def _ratio(value: Value | None) -> Decimal:
    if value is None:
        return WARNING_RATIO
    if not 0 < value.amount() <= 1:
        raise value.error("expected a ratio above 0, at most 1")
    return value.amount()


def _scope(values: dict[str, Value], rules: Rules | None) -> Json:
    """Which calls count: environments, data mode, the dimensions with a comma, and their values.

    With `each`, one entry stands for a budget of every value of its dimension, and names none.
    """
    place: Json = {"environment": _environment(values.get("environment")), "data_mode": "real"}
    if "data_mode" in values:
        # Demonstrations only: test and demo calls never move a budget of real ones.
        place["data_mode"] = values["data_mode"].choice("real", "demo")
    if "each" in values:
        if "scope" in values:
            raise values["each"].error("expected scope, or each: a budget for every value, not both")
        dimension = values["each"].choice(*DIMENSIONS)
        return place | {"dimension": dimension, "first": "", "second": "", "each": True}
    if "scope" not in values:
        return place | {"dimension": "", "first": "", "second": ""}
    section = values["scope"].section(*DIMENSIONS)
    if not 1 <= len(section) <= 2:
        raise values["scope"].error(f"expected one or two of {', '.join(DIMENSIONS)}; no scope is everything")
    named = [(name, _stored(name, section[name], rules)) for name in DIMENSIONS if name in section]
    first, second = named[0][1], named[1][1] if len(named) > 1 else ""
    return place | {"dimension": ",".join(name for name, _ in named), "first": first, "second": second}


def _environment(value: Value | None) -> str:
    """As the ledger spells them, sorted, so that one set is one scope."""
    if value is None:
        return "prod"
    names = {each.text() for each in value.one_or_more()}
    if "*" in names:
        if len(names) > 1:
            raise value.error("* is every environment already")
        return "*"
    for name in names:
        if "," in name:
            raise value.error("expected a list of environments")
    return ",".join(sorted({environment_name(name) for name in names}))


def _stored(name: str, value: Value, rules: Rules | None) -> str:
    """The value as calls carry it; users and tenants as they are stored."""
    text = value.text()
    if rules is not None and name in ("user", "tenant"):
        protector = rules().user if name == "user" else rules().tenant
        stored = protector(text).stored
        if stored is None:
            raise value.error("identifies no one: this value is stored as unknown")
        text = stored
    return fit_text(text)[0]


def _limits(values: dict[str, Value], ratio: Decimal) -> Iterator[Threshold]:
    for name in _LIMITS:
        if name in values:
            limit, period = _pico_usd(values[name]), _PERIODS[name]
            reached = int((limit * ratio).to_integral_value(ROUND_CEILING))
            yield Threshold(period, "warning", "spend", limit, reached)
            yield Threshold(period, "exceeded", "spend", limit, limit + 1)


def _alert(entry: Value) -> Threshold:
    values = entry.section(*_ALERTS, "min_requests")
    kinds = [name for name in _ALERTS if name in values]
    if len(kinds) != 1:
        raise entry.error(f"expected exactly one of {', '.join(_ALERTS)}")
    limit = _pico_usd(values[kinds[0]])
    if kinds[0] == "unit_cost":
        least = values["min_requests"].whole() if "min_requests" in values else MIN_REQUESTS
        return Threshold("hour", "spend_alert", "unit_cost", limit, limit + 1, least)
    if "min_requests" in values:
        raise values["min_requests"].error("only for unit_cost")
    return Threshold(_PERIODS[kinds[0]], "spend_alert", "spend", limit, limit + 1)


def _pico_usd(value: Value) -> int:
    """USD as whole pico-USD, above zero."""
    pico = value.amount().scaleb(12)
    if pico != pico.to_integral_value() or not pico:
        raise value.error("expected USD above zero, with at most 12 decimals")
    return int(pico)
