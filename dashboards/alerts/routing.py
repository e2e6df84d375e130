"""Contact points, the message template and mute timings. The user's own policy tree is left alone.

Settings of a receiver are interpolated by Grafana, so a secret never stands in a file: `$NAME` does.

Source:
    https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from dashboards.files import Names

Json = dict[str, Any]

INBOX_URL, INBOX_TOKEN, INBOX_SECRET = "LEDGER_INBOX_URL", "LEDGER_INBOX_TOKEN", "LEDGER_INBOX_SECRET"
"""Address of `POST /v1/alerts`, an API key with the scope inbox, and the secret of `inbox.hmac_secret`."""
_TITLE, _TEXT = '{{ template "spanledger.title" . }}', '{{ template "spanledger.text" . }}'


class Channel(NamedTuple):
    """A receiver that exists where its variable is set.

    Attributes:
        variable: the environment variable with its address or key.
        pages, notifies: whether critical alerts, or warnings, go there.
        settings: as Grafana takes them; `$` before a variable.
    """

    name: str
    kind: str
    variable: str
    pages: bool
    notifies: bool
    settings: Json


CHANNELS: Final = (
    Channel(
        "pagerduty", "pagerduty", "LEDGER_PAGERDUTY_KEY", pages=True, notifies=False,
        settings={"integrationKey": "$LEDGER_PAGERDUTY_KEY", "severity": "critical", "summary": _TITLE},
    ),
    Channel(
        "slack", "slack", "LEDGER_SLACK_URL", pages=True, notifies=True,
        settings={"url": "$LEDGER_SLACK_URL", "title": _TITLE, "text": _TEXT},
    ),
    Channel(
        "email", "email", "LEDGER_ALERT_EMAIL", pages=False, notifies=True,
        settings={"addresses": "$LEDGER_ALERT_EMAIL", "subject": _TITLE, "message": _TEXT},
    ),
    Channel(
        "webhook", "webhook", "LEDGER_ALERT_WEBHOOK_URL", pages=True, notifies=True,
        settings={"url": "$LEDGER_ALERT_WEBHOOK_URL", "httpMethod": "POST", "maxAlerts": "0"},
    ),
)  # fmt: skip

TEMPLATE: Final = """\
{{ define "spanledger.title" }}[{{ .Status | toUpper }}\
{{ if eq .Status "firing" }}:{{ .Alerts.Firing | len }}{{ end }}] {{ .CommonLabels.alertname }}{{ end }}
{{ define "spanledger.text" }}{{ range .Alerts }}\
{{ if eq .Status "resolved" }}Resolved: {{ end }}{{ .Annotations.summary }}
{{ if .Annotations.sentence }}{{ .Annotations.sentence }}
{{ end }}{{ if .Labels.owner }}Owner: {{ .Labels.owner }}
{{ end }}Investigate: {{ .Annotations.investigate_url }}
{{ if .Annotations.runbook_url }}Runbook: {{ .Annotations.runbook_url }}
{{ end }}
{{ end }}{{ end }}
"""


def missing(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each channel that is left out, and for what the inbox lacks."""
    lacking = [
        f"{channel.variable} is not set: no alert goes to {channel.name}"
        for channel in CHANNELS
        if not environment.get(channel.variable)
    ]
    if not environment.get(INBOX_URL):
        lacking.append(f"{INBOX_URL} is not set: Grafana needs it to reach the inbox (…:4319/v1/alerts)")
    return lacking


def routing_files(names: Names, environment: Mapping[str, str], observe: bool = False) -> dict[str, Json]:
    """File name → what Grafana reads.

    Args:
        environment: which variables Grafana will have; a channel whose variable is missing is left out, since
            Grafana refuses to start with an empty address.
        observe: the inbox alone, whatever the severity.
    """
    heard = [] if observe else [channel for channel in CHANNELS if environment.get(channel.variable)]
    points = {
        "spanledger-page": [channel for channel in heard if channel.pages],
        "spanledger-notify": [channel for channel in heard if channel.notifies],
        "spanledger-inbox": [],
    }
    signed = bool(environment.get(INBOX_SECRET))
    return {
        "contact_points.yaml": {
            "apiVersion": 1,
            "contactPoints": [_point(names, name, channels, signed) for name, channels in points.items()],
        },
        "templates.yaml": {
            "apiVersion": 1,
            "templates": [{"orgId": 1, "name": names.uid("spanledger"), "template": TEMPLATE}],
        },
        "mute_timings.yaml": {"apiVersion": 1, "muteTimes": _mute_timings(names)},
    }


def _point(names: Names, name: str, channels: list[Channel], signed: bool) -> Json:
    receivers = [_inbox(names, name, signed)] + [
        {
            "uid": names.uid(f"sl-{name.removeprefix('spanledger-')}-{channel.name}"),
            "type": channel.kind,
            "settings": channel.settings,
        }
        for channel in channels
    ]
    return {"orgId": 1, "name": names.uid(name), "receivers": receivers}


def _inbox(names: Names, name: str, signed: bool) -> Json:
    settings: Json = {
        "url": f"${INBOX_URL}", "httpMethod": "POST", "authorization_credentials": f"${INBOX_TOKEN}",
        "maxAlerts": "0",
    }  # fmt: skip
    if signed:
        settings["hmacConfig"] = {
            "secret": f"${INBOX_SECRET}", "header": "X-Grafana-Alerting-Signature",
            "timestampHeader": "X-Grafana-Alerting-Timestamp",
        }  # fmt: skip
    return {
        "uid": names.uid(f"sl-{name.removeprefix('spanledger-')}-inbox"),
        "type": "webhook",
        "settings": settings,
    }


def _mute_timings(names: Names) -> list[Json]:
    """For your own policies and rules; none of ours uses them."""
    return [
        {
            "orgId": 1, "name": names.uid("spanledger-weekend"),
            "time_intervals": [{"weekdays": ["saturday", "sunday"], "location": "UTC"}],
        },
        {
            "orgId": 1, "name": names.uid("spanledger-night"),
            "time_intervals": [{
                "times": [
                    {"start_time": "20:00", "end_time": "24:00"},
                    {"start_time": "00:00", "end_time": "06:00"},
                ],
                "location": "UTC",
            }],
        },
    ]  # fmt: skip


def example_policy(names: Names) -> Json:
    """A policy tree in place of the rules' own settings; it would replace the whole tree of a Grafana."""

    def ours(severity: str, point: str) -> Json:
        return {
            "receiver": names.uid(point),
            "object_matchers": [["app", "=", "spanledger"], ["severity", "=", severity]],
        }

    return {
        "apiVersion": 1,
        "policies": [{
            "orgId": 1, "receiver": names.uid("spanledger-inbox"),
            "group_by": ["grafana_folder", "alertname", "env", "data_mode"],
            "routes": [ours("critical", "spanledger-page"), ours("warning", "spanledger-notify")],
        }],
    }  # fmt: skip
