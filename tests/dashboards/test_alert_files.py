"""The alerting files: as the catalogue says, as Grafana reads them, and as the ledger answers them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pytest
import yaml

from dashboards.alerts.check import unknown_keys
from dashboards.alerts.files import COMMITTED, EXAMPLE, alerting_files, example
from dashboards.alerts.routing import CHANNELS, TEMPLATE, missing, routing_files
from dashboards.alerts.rules import rule_files
from dashboards.files import names
from processor.alerting.catalogue import BY_ID, RULES
from tests.dashboards import test_alerts_grafana
from tests.dashboards.files import dashboards

OURS = names()
ALL_SET = {channel.variable: "x" for channel in CHANNELS} | {"LEDGER_INBOX_URL": "http://inbox"}
RULE_FILES = rule_files(OURS)


@cache
def written() -> dict[str, str]:
    """The alerting files under our own names, without a secret, as they are written."""
    return alerting_files(OURS, {})


def rules() -> list[dict[str, Any]]:
    return [rule for file in RULE_FILES.values() for group in file["groups"] for rule in group["rules"]]


def test_the_committed_files_are_those_of_the_catalogue() -> None:
    assert {path.name: path.read_text() for path in COMMITTED.glob("*.yaml")} == written()
    assert EXAMPLE.read_text() == example(OURS)


def test_every_rule_has_its_file() -> None:
    assert set(RULE_FILES) == {f"rule_{rule.id}.yaml" for rule in RULES}


def test_every_rule_fires_in_a_real_grafana_in_one_of_its_tests() -> None:
    """Those tests wait for what they expect; a new rule needs something planted there."""
    told = test_alerts_grafana.EXPECTED | test_alerts_grafana.FAULTY | {test_alerts_grafana.UNREADABLE}
    assert {rule for rule, _, _ in told} == set(BY_ID)
    # What a rule tells of prod has its own severity; elsewhere it is told as information.
    for rule, severity, environment in told:
        assert severity == (BY_ID[rule].severity if environment in ("prod", "*") else "info")


@pytest.mark.parametrize("name", RULE_FILES)
def test_a_misspelt_key_is_refused(name: str) -> None:
    file = yaml.safe_load(written()[name])
    assert unknown_keys(file) == []
    rule = file["groups"][0]["rules"][0]
    rule["keep_firing_for"] = rule.pop("keepFiringFor")
    rule["data"][0]["model"]["rawSQL"] = ""
    assert unknown_keys(file) == [
        ".groups[0].rules[0].keep_firing_for", ".groups[0].rules[0].data[0].model.rawSQL",
    ]  # fmt: skip


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["uid"])
def test_only_prod_and_real_data_page(rule: dict[str, Any]) -> None:
    receiver, severity = rule["notification_settings"]["receiver"], rule["labels"]["severity"]
    sources = {query["model"].get("rawSql", "")[-9:-3] for query in rule["data"]}
    if receiver == "spanledger-page" or severity == "critical":
        assert (receiver, severity) == ("spanledger-page", "critical")
        assert all("'elsewhere'" not in query["model"].get("rawSql", "") for query in rule["data"])
    assert sources
    if rule["uid"].endswith("-x"):
        assert (receiver, severity) == ("spanledger-inbox", "info")


def test_uids_are_unique_and_fit_with_a_prefix() -> None:
    prefixed = [
        rule["uid"]
        for file in rule_files(names("a-long-prefi")).values()
        for group in file["groups"]
        for rule in group["rules"]
    ]
    assert len({*prefixed}) == len(prefixed) == len({rule["title"] for rule in rules()})
    assert all(re.fullmatch(r"a-long-prefi-[A-Za-z0-9_-]{1,27}", uid) for uid in prefixed)


def test_every_query_has_the_shape_that_grafana_alerts_on(reader: psycopg.Connection[Any]) -> None:
    for rule in rules():
        for query in rule["data"]:
            if query["datasourceUid"] != "__expr__":
                assert_shape(reader, query["model"]["rawSql"], 3 + len(BY_ID[rule["labels"]["rule"]].labels))


def assert_shape(reader: psycopg.Connection[Any], sql: str, labels: int) -> None:
    """One number, else texts, no NULL, at least one row, and labels that tell the rows apart."""
    cursor = reader.execute(sql.encode())
    assert cursor.description is not None
    types = {column.name: column.type_display for column in cursor.description}
    assert [name for name, kind in types.items() if kind == "float8"] == ["value"], sql
    assert {kind for name, kind in types.items() if name != "value"} == {"text"}, sql
    found = cursor.fetchall()
    assert found, sql
    assert all(value is not None for row in found for value in row), sql
    assert len({row[:labels] for row in found}) == len(found), sql


def rendered(template: str, row: dict[str, Any]) -> str:
    """The subset of Go's templates that the annotations use."""
    text = template.replace('{{ reReplaceAll "/+$" "" externalURL }}', "http://grafana")
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda m: str(row[m[1]]), text)
    text = re.sub(r"\{\{ \$values\.SENTENCE\.Labels\.(\w+) \}\}", lambda m: str(row[m[1]]), text)
    text = re.sub(
        r'\{\{ printf "%(\.\d)f" \$values\.(\w+)\.Value \}\}', lambda m: f"{row[m[2].lower()]:{m[1]}f}", text
    )
    return re.sub(
        r"\{\{ humanizePercentage \$values\.(\w+)\.Value \}\}", lambda m: f"{row[m[1].lower()]:.4g}%", text
    )


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["uid"])
def test_annotations_render_and_their_link_leads_to_a_dashboard(rule: dict[str, Any]) -> None:
    query = (
        "from=1000&to=2000&timezone=utc&var-env=prod&var-data_mode=real&var-baseline=24h&var-endpoint=a%26b"
    )
    row = {name: f"<{name}>" for name in BY_ID[rule["labels"]["rule"]].labels} | {
        "value": 2.0, "threshold": 1.5, "sentence": "It rose.", "query": query, "runbook": "http://r/#x",
    }  # fmt: skip
    said = {name: rendered(text, row) for name, text in rule["annotations"].items()}
    assert not [text for text in said.values() if "{{" in text]
    link = urlsplit(said["investigate_url"])
    uid = link.path.split("/")[2]
    assert uid in dashboards()
    variables = {variable["name"] for variable in dashboards()[uid]["templating"]["list"]}
    asked = {name.removeprefix("var-") for name, _ in parse_qsl(link.query) if name.startswith("var-")}
    assert {"env", "data_mode"} <= asked & variables
    # Whatever the query may carry of this rule, the dashboard knows: nothing of the focus is lost on the way.
    assert {"baseline", *BY_ID[rule["labels"]["rule"]].overridable} <= variables


def test_the_message_uses_only_what_rules_say() -> None:
    used = set(re.findall(r"\.(Annotations|Labels|CommonLabels)\.(\w+)", TEMPLATE))
    for rule in rules():
        said = {"Annotations": rule["annotations"].keys()}
        said["Labels"] = {*rule["labels"], "env", "data_mode", "owner"}
        said["CommonLabels"] = {*rule["labels"], "alertname"}
        assert [name for kind, name in used if name not in said[kind]] == [], rule["uid"]
    assert {name for kind, name in used if kind == "Annotations"} == {
        "summary", "sentence", "investigate_url", "runbook_url",
    }  # fmt: skip


def test_a_channel_without_its_variable_is_left_out_and_told() -> None:
    points = routing_files(OURS, {"LEDGER_SLACK_URL": "x", "LEDGER_INBOX_URL": "x"})["contact_points.yaml"]
    kinds = {point["name"]: [r["type"] for r in point["receivers"]] for point in points["contactPoints"]}
    assert kinds == {
        "spanledger-page": ["webhook", "slack"], "spanledger-notify": ["webhook", "slack"],
        "spanledger-inbox": ["webhook"],
    }  # fmt: skip
    told = missing({"LEDGER_SLACK_URL": "x", "LEDGER_INBOX_URL": "x"})
    assert [sentence.split()[0] for sentence in told] == [
        "LEDGER_PAGERDUTY_KEY", "LEDGER_ALERT_EMAIL", "LEDGER_ALERT_WEBHOOK_URL",
    ]  # fmt: skip


def test_every_point_contains_the_inbox_and_observing_leaves_only_that() -> None:
    for observe, most in ((False, 4), (True, 1)):
        file = routing_files(OURS, ALL_SET, observe)["contact_points.yaml"]
        receivers = [point["receivers"] for point in file["contactPoints"]]
        assert all(each[0]["settings"]["url"] == "$LEDGER_INBOX_URL" for each in receivers)
        assert max(len(each) for each in receivers) == most


def test_no_secret_stands_in_a_file() -> None:
    secrets = {channel.variable: f"secret-{channel.name}" for channel in CHANNELS} | {
        "LEDGER_INBOX_SECRET": "secret-h"
    }
    texts = alerting_files(OURS, secrets)
    assert not [name for name, text in texts.items() if "secret-" in text]
    assert "hmacConfig" in texts["contact_points.yaml"]
