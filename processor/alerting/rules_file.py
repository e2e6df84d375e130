"""`rules.yaml`: thresholds and minimum samples of rules, and exceptions for an endpoint, tenant or service.

version: 1
rules:
  cost_drift_endpoint:
    threshold: "2"
    overrides:
      - {endpoint: checkout.ai_summary, threshold: "3", minimum: 200}
      - {endpoint: playground, enabled: false}
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from processor.alerting.catalogue import BY_ID, Rule
from processor.calls.strict_yaml import Value

Json = dict[str, Any]


def read_rules(root: Value) -> Json:
    """`{"settings": [{rule, …dimensions, …parameters}, …]}`, overrides after their rule.

    Raises:
        ConfigError: with file, line and reason.
    """
    sections = root.section("version", "rules", required=("version",))
    if sections["version"].whole() != 1:
        raise sections["version"].error("expected version 1")
    settings: list[Json] = []
    for name, value in _by_rule(sections["rules"]) if "rules" in sections else ():
        settings += _settings(BY_ID[name], value)
    return {"settings": settings}


def _by_rule(rules: Value) -> list[tuple[str, Value]]:
    named = rules.mapping()
    for name, value in named.items():
        if name not in BY_ID:
            near = get_close_matches(name, BY_ID, 1)
            raise value.error(f"no such rule{f'; did you mean {near[0]}?' if near else ''}")
    return list(named.items())


def _settings(rule: Rule, value: Value) -> list[Json]:
    if not rule.is_tunable:
        raise value.error("its limits stand in budgets.yaml")
    known = (*rule.parameters, *(("overrides",) if rule.overridable else ()))
    values = value.section(*known)
    found = [{"rule": rule.id} | _parameters(values)] if values.keys() - {"overrides"} else []
    if "overrides" in values:
        found += [_override(rule, each) for each in values["overrides"].items()]
    return found


def _override(rule: Rule, entry: Value) -> Json:
    values = entry.section(*rule.overridable, *rule.parameters)
    for_whom = {name: values[name].text() for name in rule.overridable if name in values}
    if not for_whom:
        raise entry.error(f"for whom is missing: {', '.join(rule.overridable)}")
    parameters = _parameters(values)
    if not parameters:
        raise entry.error(f"what to set is missing: {', '.join(rule.parameters)}")
    return {"rule": rule.id} | for_whom | parameters


def _parameters(values: dict[str, Value]) -> Json:
    found: Json = {}
    if "enabled" in values:
        found["enabled"] = values["enabled"].choice("true", "false") == "true"
    for name in ("threshold", "minimum_usd"):
        if name in values:
            found[name] = str(values[name].amount())
    if "threshold" in found and not float(found["threshold"]):
        raise values["threshold"].error("expected more than zero; to switch a rule off, write enabled: false")
    if "minimum" in values:
        found["minimum"] = values["minimum"].whole()
    return found
