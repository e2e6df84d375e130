"""`budgets.yaml` is read strictly: every fault is told with its line and field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.alerting.budgets_file import read_budgets
from processor.calls.errors import ConfigError
from processor.calls.identity import Mode, identity_rules
from processor.calls.strict_yaml import read_yaml

PAGE = Path(__file__).parents[2] / "docs" / "budgets.md"


def read(text: str, **more: Any) -> list[dict[str, Any]]:
    root = read_yaml(text.encode(), "budgets.yaml")
    assert root is not None
    budgets: list[dict[str, Any]] = read_budgets(root, **more)["budgets"]
    return budgets


def one(entry: str, **more: Any) -> dict[str, Any]:
    return read(f"version: 1\nbudgets:\n  - {{{entry}}}\n", **more)[0]


def test_the_example_of_the_page_is_read() -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    named = {budget["name"]: budget for budget in read(example[1])}

    assert list(named) == ["everything", "checkout summaries", "tenants", "acme on gpt-4o", "search"]
    assert named["everything"]["dimension"] == ""
    assert (named["tenants"]["dimension"], named["tenants"]["each"]) == ("tenant", True)
    assert named["acme on gpt-4o"]["environment"] == "prod,staging"
    assert [named["acme on gpt-4o"][key] for key in ("dimension", "first", "second")] == [
        "tenant,model", "acme", "gpt-4o",
    ]  # fmt: skip
    assert [each["limit"] for each in named["search"]["thresholds"]] == [80 * 10**12, 25 * 10**12, 2 * 10**10]


@given(st.integers(1, 10**12), st.integers(1, 100))
def test_the_limit_itself_still_warns_and_a_warning_begins_at_its_ratio(limit: int, percent: int) -> None:
    budget = one(f'name: a, daily: "{limit}", warning_ratio: "{percent / 100:.2f}"')
    warning, exceeded = budget["thresholds"]

    assert exceeded["reached"] == limit * 10**12 + 1
    assert warning["reached"] * 100 >= limit * 10**12 * percent > (warning["reached"] - 1) * 100


def test_people_are_named_as_sent_or_as_stored() -> None:
    rules = identity_rules([b"0123456789abcdef"], Mode.HASH, Mode.PLAIN)
    sent = one('name: a, scope: {user: jane@example.com, tenant: acme}, daily: "1"', rules=lambda: rules)

    assert sent["dimension"] == "tenant,user"
    assert sent["first"] == "acme"
    assert sent["second"] == rules.user("jane@example.com").stored != "jane@example.com"
    stored = one(f'name: a, scope: {{user: "{sent["second"]}"}}, daily: "1"', rules=lambda: rules)
    assert stored["first"] == sent["second"]


def test_environments_are_spelt_as_the_ledger_spells_them() -> None:
    assert one('name: a, environment: [stage, Production], daily: "1"')["environment"] == "prod,staging"
    assert one('name: a, environment: "*", daily: "1"')["environment"] == "*"


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ('daily: "1"', "budgets[0]: name is missing"),
        ("name: a", "there is nothing to watch"),
        ('name: a, dayly: "1"', "budgets[0].dayly: unknown key"),
        ("name: a, daily: 1", "budgets[0].daily: expected a quoted decimal"),
        ('name: a, daily: "0"', "expected USD above zero"),
        ('name: a, daily: "-1"', "not a decimal of zero or more"),
        ('name: a, daily: "1", warning_ratio: "1.2"', "budgets[0].warning_ratio: expected a ratio above 0"),
        ('name: a, scope: {tenants: x}, daily: "1"', "budgets[0].scope.tenants: unknown key"),
        ('name: a, scope: {tenant: a, user: b, model: c}, daily: "1"', "expected one or two of"),
        ('name: a, environment: ["*", prod], daily: "1"', "* is every environment already"),
        ('name: a, data_mode: test, daily: "1"', "expected real or demo"),
        ('name: a, spend_alerts: [{hourly: "1", daily: "2"}]', "expected exactly one of"),
        ('name: a, spend_alerts: [{hourly: "1", min_requests: 5}]', "only for unit_cost"),
        ('name: a, spend_alerts: [{daily: "1"}, {daily: "1.0"}]', "the same spend-alert stands here twice"),
    ],
)
def test_a_fault_is_told_with_line_and_field(entry: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=rf"^budgets\.yaml:3: .*{re.escape(fault)}"):
        one(entry)


def test_a_name_stands_once() -> None:
    entry = '  - {name: a, daily: "1"}\n'
    with pytest.raises(ConfigError, match=r"budgets\.yaml:4: .*'a' stands above already"):
        read(f"version: 1\nbudgets:\n{entry}{entry}")
