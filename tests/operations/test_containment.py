"""Each class has its step with real values, and its patches are files that load."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from operations.incidents.containment import Facts, containment
from operations.incidents.model import CLASSES
from processor.alerting.rules_file import read_rules
from processor.calls.strict_yaml import read_yaml

FACTS = Facts(
    driver_class="volume",
    driver="endpoint checkout, tenant acme",
    focus={"endpoint": "checkout", "tenant": "acme"},
    environment="prod",
    window=timedelta(hours=1),
    at=datetime(2026, 11, 20, tzinfo=UTC),
    requests=900,
    baseline_requests=120,
    cost_usd=Decimal("9"),
    baseline_cost_usd=Decimal("1.2"),
    usd_per_request=Decimal("0.01"),
    baseline_usd_per_request=Decimal("0.005123"),
    output_tokens_per_request=100.0,
    former_version="v1",
    model=("acme", "brand-new-1"),
    unpriced_calls=12,
)


def patch(driver_class: str, file: str) -> str:
    return next(
        each.text
        for each in containment(FACTS._replace(driver_class=driver_class)).patches
        if each.file == file
    )


@pytest.mark.parametrize(
    ("driver_class", "words"),
    [
        ("volume", ["Throttle endpoint checkout, tenant acme", "900", "120", "3 requests a minute"]),
        ("token", ["Cap the output", "192 tokens", "$0.010000", "$0.005123"]),
        ("deploy", ["Roll checkout back", "to v1"]),
        ("identity_concentration", ["$43.20 a day", "$9.00", "$1.20"]),
        ("abuse", ["120 to 900"]),
        ("unknown_model", ["12 calls of acme brand-new-1", "spanledger reprice"]),
        ("retry_storm", ["retries", "$9.00"]),
        ("model_mix", ["Pin the model"]),
        ("price", ["prices.yaml"]),
        ("unclear", ["3 requests a minute"]),
        ("", ["3 requests a minute"]),
    ],
)
def test_the_step_of_each_class_has_the_incidents_values(driver_class: str, words: list[str]) -> None:
    step = containment(FACTS._replace(driver_class=driver_class)).step

    assert all(word in step for word in words), step


def test_a_limit_leaves_half_as_much_again_as_the_baseline() -> None:
    assert yaml.safe_load(patch("volume", "budgets.yaml")) == [
        {
            "name": "guardrail for checkout, acme",
            "scope": {"endpoint": "checkout", "tenant": "acme"},
            "daily": "43.20",
        }
    ]
    assert yaml.safe_load(patch("deploy", "budgets.yaml"))[0]["spend_alerts"] == [{"unit_cost": "0.00769"}]
    assert "rate=3r/m" in patch("volume", "nginx.conf")


def test_a_tenant_is_limited_at_the_gateway() -> None:
    words = shlex.split(patch("identity_concentration", "LiteLLM"))

    assert "/team/update" in words[3]
    assert yaml.safe_load(words[-1]) == {
        "team_id": "acme", "max_budget": 43.2, "budget_duration": "1d", "rpm_limit": 3,
    }  # fmt: skip


@given(
    st.sampled_from(CLASSES),
    st.dictionaries(
        st.sampled_from(["endpoint", "prompt_version", "tenant", "user", "model", "service"]),
        st.text(min_size=1, max_size=40),
    ),
    st.sampled_from(["prod", "dev: {", "*"]),
    st.integers(0, 10**9),
    st.decimals(0, 10**6, places=12),
)
def test_every_patch_can_be_applied_whatever_the_values(
    driver_class: str, focus: dict[str, str], environment: str, requests: int, cost: Decimal
) -> None:
    facts = FACTS._replace(
        driver_class=driver_class, focus=focus, environment=environment, baseline_requests=requests,
        baseline_cost_usd=cost, baseline_usd_per_request=cost or None,
    )  # fmt: skip

    for each in containment(facts).patches:
        if each.file == "budgets.yaml":
            (entry,) = yaml.safe_load(each.text)
            assert {name: focus[name] for name in entry.get("scope", {})} == entry.get("scope", {})
            assert entry.get("daily") or Decimal(entry["spend_alerts"][0]["unit_cost"]) > 0
        if each.file == "rules.yaml":
            root = read_yaml(f"version: 1\nrules:\n{each.text}".encode(), "rules.yaml")
            assert root is not None
            assert read_rules(root)["settings"][0]["endpoint"] == focus["endpoint"].strip()
        if each.file == "LiteLLM":
            body = yaml.safe_load(shlex.split(each.text)[-1])
            assert focus.get("tenant", focus.get("user")) in body.values()
