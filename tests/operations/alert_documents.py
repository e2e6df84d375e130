"""Alert documents as Grafana 12.4 and Alertmanager 0.28 send them, with what a test wants changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)
"""When the alert began to fire."""
WINDOW = (datetime(2026, 11, 20, 2, 7, tzinfo=UTC), datetime(2026, 11, 20, 3, 7, tzinfo=UTC))
INVESTIGATE = (
    "https://grafana.example/d/spanledger-compare/compare?from=1795140420000&to=1795144020000&timezone=utc"
    "&var-env=prod&var-data_mode=real&var-baseline=24h&var-endpoint=checkout"
)


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def alert(
    fingerprint: str = "a1b2c3d4e5f60718",
    starts_at: datetime = START,
    ended_at: datetime | None = None,
    **labels: str,
) -> dict[str, Any]:
    """One alert of Grafana's webhook; `labels` change its labels."""
    named = {
        "alertname": "Cost per request drifted", "app": "spanledger", "rule": "cost_drift_endpoint",
        "category": "cost", "severity": "warning", "env": "prod", "data_mode": "real", "endpoint": "checkout",
        "owner": "team-checkout", "grafana_folder": "Spanledger alerts",
    } | labels  # fmt: skip
    return {
        "status": "firing" if ended_at is None else "resolved",
        "labels": named,
        "annotations": {
            "summary": "checkout costs 1.62 times its baseline",
            "sentence": "Cost per request of checkout rose by 62%: output tokens of v2.",
            "investigate_url": INVESTIGATE,
            "runbook_url": "https://docs.example/runbooks#cost_drift_endpoint",
        },
        "startsAt": starts_at.isoformat().replace("+00:00", ".123456789Z"),
        "endsAt": "0001-01-01T00:00:00Z" if ended_at is None else ended_at.isoformat(),
        "generatorURL": "https://grafana.example/alerting/grafana/abc/view?orgId=1",
        "fingerprint": fingerprint,
        "silenceURL": "https://grafana.example/alerting/silence/new?alertmanager=grafana",
        "dashboardURL": "",
        "panelURL": "",
        "values": {
            "SCORE": 1.62, "VALUE": 0.0081, "THRESHOLD": 0.005, "BASE": 24,
            "WFROM": milliseconds(WINDOW[0]), "WTO": milliseconds(WINDOW[1]),
        },
        "valueString": "[ var='SCORE' labels={} value=1.62 ]",
        "orgId": 1,
        "enrichments": [],
    }  # fmt: skip


def grafana(*alerts: dict[str, Any]) -> dict[str, Any]:
    """The document of Grafana's webhook around these alerts."""
    return {
        "receiver": "spanledger-inbox", "status": "firing", "state": "alerting", "orgId": 1,
        "alerts": list(alerts), "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "https://grafana.example/", "appVersion": "12.4.0", "version": "1",
        "groupKey": '{}:{alertname="x"}',
        "truncatedAlerts": 0, "title": "[FIRING:1]", "message": "**Firing**",
    }  # fmt: skip


def alertmanager(**labels: str) -> dict[str, Any]:
    """A document of Alertmanager: no values, no organisation."""
    one = alert(**labels)
    kept = ("status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint")
    return {
        "version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": "firing", "receiver": "spanledger",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": [{name: one[name] for name in kept}],
    }  # fmt: skip


def button_alert() -> dict[str, Any]:
    """What Grafana's button "Test" sends."""
    return alert(
        alertname="TestAlert", instance="Grafana", app="", rule="", category="", severity="", endpoint=""
    ) | {"values": None, "annotations": {"summary": "Notification test"}}


def later(minutes: float) -> datetime:
    """That long after the alert began."""
    return START + timedelta(minutes=minutes)
