"""`rules.yaml` and `owners.yaml`: what is read, and what is refused with file and line."""

from __future__ import annotations

from typing import Any

import pytest

from processor.alerting.owners_file import read_owners
from processor.alerting.rules_file import read_rules
from processor.calls.errors import ConfigError
from processor.calls.strict_yaml import read_yaml

RULES = """version: 1
rules:
  cost_drift_endpoint:
    threshold: "2"
    overrides:
      - {endpoint: checkout.ai_summary, threshold: "3", minimum: 200}
      - {endpoint: playground, enabled: false}
"""
MISSPELT = "version: 1\nrules:\n  cost_drift_endpont: {}"
OWNERS = """version: 1
owners:
  - {owner: platform, channel: "#llm-costs"}
  - {service: shop, owner: shop-team, escalation: page shop-oncall}
  - {endpoint: checkout., owner: payments, runbook: "https://wiki/p", reviewed: 2026-11-01}
"""


def read(reader: Any, text: str) -> Any:
    root = read_yaml(text.encode(), "file.yaml")
    assert root is not None
    return reader(root)


def test_rules_are_read_with_overrides_behind_their_rule() -> None:
    assert read(read_rules, RULES)["settings"] == [
        {"rule": "cost_drift_endpoint", "threshold": "2"},
        {"rule": "cost_drift_endpoint", "endpoint": "checkout.ai_summary", "threshold": "3", "minimum": 200},
        {"rule": "cost_drift_endpoint", "endpoint": "playground", "enabled": False},
    ]


def test_owners_are_read_by_service_prefix_and_for_the_rest() -> None:
    owners = read(read_owners, OWNERS)["owners"]
    assert [owner["owner"] for owner in owners] == ["platform", "shop-team", "payments"]
    assert owners[2] == {
        "endpoint": "checkout.", "owner": "payments", "runbook": "https://wiki/p", "reviewed": "2026-11-01",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "text", "reason"),
    [
        (read_rules, "rules: {}", "file.yaml:1: version is missing"),
        (read_rules, "version: 2", "expected version 1"),
        (read_rules, MISSPELT, ":3: rules.cost_drift_endpont: no such rule"),
        (read_rules, MISSPELT, "did you mean cost_drift_endpoint?"),
        (read_rules, "version: 1\nrules:\n  cost_drift_endpoint:\n    treshold: 1", ":4: "),
        (read_rules, RULES.replace('"2"', "2"), "quoted decimal"),
        (read_rules, RULES.replace('"2"', '"0"'), "write enabled: false"),
        (read_rules, RULES.replace("endpoint: playground, ", ""), ":7: rules.cost_drift_endpoint"),
        (read_rules, RULES.replace(", enabled: false", ""), "what to set is missing"),
        (read_rules, RULES.replace("endpoint: playground", "tenant: acme"), "unknown key"),
        (read_owners, OWNERS.replace("owner: shop-team, ", ""), ":4: owners[1]: owner is missing"),
        (read_owners, OWNERS.replace("endpoint: checkout.,", "endpoint: a, service: b,"), "not both"),
        (read_owners, OWNERS + "  - {service: shop, owner: other}\n", ":6: owners[3]: this service"),
        (read_owners, OWNERS.replace("https://wiki/p", "wiki/p"), "http(s) address"),
        (read_owners, OWNERS.replace("2026-11-01", "yesterday"), "expected a date"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(reader: Any, text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(reader, text)
    assert reason in str(error.value)
