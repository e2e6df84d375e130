"""Alerts as Grafana's webhook tells them, so that the inbox and other receivers know one schema.

Source:
    https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from operations.alerts.model import Detail, Row, summary
from operations.format import iso
from processor.alerting.catalogue import Place, Rule

Json = dict[str, Any]
_NOT_ENDED: Final = "0001-01-01T00:00:00Z"
"""What Grafana writes while an alert fires."""


def alert(rule: Rule, place: Place, row: Row, told: Detail, started: datetime, public_url: str) -> Json:
    """A firing alert.

    Args:
        public_url: address of our pages, for links; without one the alert has none.
    """
    labels = {
        "alertname": rule.title, "app": "spanledger", "rule": rule.id, "category": rule.category,
        "about": rule.about, "severity": rule.severity_at(place).value, "env": row.env,
        "data_mode": row.data_mode, "owner": row.owner,
        **{name: getattr(row, name) for name in rule.labels},
    }  # fmt: skip
    labels = {name: value for name, value in labels.items() if value}
    annotations = {"summary": summary(rule, row), "sentence": told.sentence}
    annotations |= {"runbook_url": told.runbook} | _links(told, public_url)
    values = {
        "SCORE": row.score, "VALUE": row.value, "THRESHOLD": row.threshold, "BASE": row.baseline,
        "WFROM": row.window_from.timestamp() * 1000, "WTO": row.window_to.timestamp() * 1000,
    }  # fmt: skip
    return {
        "status": "firing", "labels": labels, "annotations": {k: v for k, v in annotations.items() if v},
        "startsAt": iso(started), "endsAt": _NOT_ENDED, "generatorURL": "", "values": values,
        "fingerprint": fingerprint(labels),
    }  # fmt: skip


def resolved(firing: Mapping[str, Any], ended: datetime) -> Json:
    """The same alert, ended."""
    return {**firing, "status": "resolved", "endsAt": iso(ended)}


def document(alerts: Sequence[Json], receiver: str, public_url: str) -> Json:
    """One delivery of alerts, firing and resolved mixed."""
    is_firing = any(each["status"] == "firing" for each in alerts)
    titles = list(dict.fromkeys(each["labels"]["alertname"] for each in alerts))
    return {
        "receiver": receiver, "status": "firing" if is_firing else "resolved",
        "state": "alerting" if is_firing else "ok", "orgId": 0, "alerts": list(alerts), "groupLabels": {},
        "commonLabels": _common([each["labels"] for each in alerts]),
        "commonAnnotations": _common([each["annotations"] for each in alerts]),
        "externalURL": public_url, "version": "1", "groupKey": "spanledger", "truncatedAlerts": 0,
        "title": f"[{'FIRING' if is_firing else 'RESOLVED'}:{len(alerts)}] {', '.join(titles)}",
        "message": "\n".join(_line(each) for each in alerts),
    }  # fmt: skip


def slack(told: Mapping[str, Any]) -> Json:
    """The same delivery for a Slack-compatible webhook (Slack, Mattermost, Rocket.Chat)."""
    return {"text": f"*{told['title']}*\n{told['message']}"}


def fingerprint(labels: Mapping[str, str]) -> str:
    """16 hexadecimal digits of the labels alone, as Grafana's."""
    text = json.dumps(dict(labels), sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _links(told: Detail, public_url: str) -> dict[str, str]:
    if not public_url:
        return {}
    return {"investigate_url": f"{public_url.rstrip('/')}/compare?{told.query}"}


def _line(told: Mapping[str, Any]) -> str:
    annotations = told["annotations"]
    said = " ".join(annotations[name] for name in ("summary", "sentence") if annotations.get(name))
    mark = "" if told["status"] == "firing" else "resolved: "
    return f"{mark}{said}" + (
        f"\n{annotations['investigate_url']}" if "investigate_url" in annotations else ""
    )


def _common(maps: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *rest = maps
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in rest)}
