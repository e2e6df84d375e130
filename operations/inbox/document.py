"""Alert documents as Grafana's webhook, Alertmanager and the built-in evaluator send them, read into values.

Source:
    Grafana: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
    Alertmanager: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

SEVERITIES: Final = ("info", "warning", "critical")
"""In rising order."""
DIMENSIONS: Final = ("endpoint", "prompt_version", "user", "tenant", "model", "provider", "service")
_NOT_ENDED: Final = datetime(1971, 1, 1, tzinfo=UTC)
"""Both senders write the year 1 for "not ended"."""
_ASSUMED_WINDOW: Final = timedelta(hours=2)
_LONGEST_WINDOW: Final = timedelta(days=400)
_LONGEST_KEY, _LONGEST_TEXT, _MOST_KEYS = 200, 8192, 200
_INSTANT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_LEVEL: Final = re.compile(r"_(warning|exceeded|critical)$")
"""Rules that differ in this ending speak of one thing at two severities."""


class Unreadable(ValueError):
    """The document, or one alert in it, cannot be read; the text says why and quotes nothing."""


class Alert(NamedTuple):
    """One alert of a document.

    Attributes:
        fingerprint: hash of its labels, by the sender; with `org_id` and `starts_at` it names the episode.
        ended_at: None while it fires.
        topic: what it is about, whatever its severity.
        focus: dimension → value, of the labels.
        window_from, window_to: UTC, [from, to); `is_window_given` is False where the sender told none.
        baseline: `previous` or a distance back such as `24h`.
        links: name → http(s) address.
    """

    org_id: int
    fingerprint: str
    starts_at: datetime
    ended_at: datetime | None
    is_test: bool
    topic: str
    title: str
    rule: str
    category: str
    severity: str
    environment: str
    data_mode: str
    owner: str
    scope: str
    focus: dict[str, str]
    window_from: datetime
    window_to: datetime
    is_window_given: bool
    baseline: str
    score: float | None
    value: float | None
    threshold: float | None
    labels: dict[str, str]
    annotations: dict[str, str]
    values: dict[str, float]
    links: dict[str, str]

    @property
    def key(self) -> tuple[int, str, datetime]:
        """What names its episode."""
        return self.org_id, self.fingerprint, self.starts_at

    @property
    def status(self) -> str:
        """`firing` or `resolved`."""
        return "firing" if self.ended_at is None else "resolved"


class Document(NamedTuple):
    """What a document holds.

    Attributes:
        source: `grafana` or `alertmanager`.
        faults: for each alert that cannot be read, why.
        truncated: alerts that the sender left out.
    """

    source: str
    alerts: list[Alert]
    faults: list[str]
    truncated: int


def parse(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a request.

    Raises:
        Unreadable: it is not JSON, or no object.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("the body is not JSON") from None
    if not isinstance(document, dict):
        raise Unreadable("the body is not a JSON object")
    return document


def read(document: Mapping[str, Any]) -> Document:
    """The alerts of a document. Unknown keys are accepted; an alert that cannot be read costs only itself.

    Raises:
        Unreadable: there is no list of alerts.
    """
    listed = document.get("alerts")
    if not isinstance(listed, list):
        raise Unreadable("expected `alerts`, a list: the document of Grafana's webhook or of Alertmanager")
    # Alertmanager numbers its document "4" and knows no organisation.
    source = "alertmanager" if document.get("version") == "4" and "orgId" not in document else "grafana"
    org_id = _whole(document.get("orgId")) or 0
    alerts, faults = [], []
    for number, each in enumerate(listed):
        try:
            alerts.append(_alert(each, org_id))
        except Unreadable as error:
            faults.append(f"alert {number}: {error}")
    return Document(source, alerts, faults, _whole(document.get("truncatedAlerts")) or 0)


def _alert(given: object, org_id: int) -> Alert:
    if not isinstance(given, dict):
        raise Unreadable("not an object")
    starts_at = _instant(given.get("startsAt"))
    if starts_at is None or starts_at < _NOT_ENDED:
        raise Unreadable("startsAt is missing, or no time in RFC 3339")
    labels, annotations = _texts(given.get("labels")), _texts(given.get("annotations"))
    values = _numbers(given.get("values"))
    window = _window(values)
    links = _links(given, annotations)
    focus = {name: labels[name] for name in DIMENSIONS if labels.get(name) not in (None, "", "*")}
    title = labels.get("alertname", "")
    rule = labels.get("rule") or title
    about = [
        _LEVEL.sub("", rule),
        labels.get("env", ""),
        labels.get("data_mode", ""),
        labels.get("scope", ""),
    ]
    return Alert(
        org_id=_whole(given.get("orgId")) or org_id,
        fingerprint=_text(given.get("fingerprint")) or _hash(json.dumps(labels, sort_keys=True))[:16],
        starts_at=starts_at,
        ended_at=_ended_at(given, starts_at),
        is_test=title == "TestAlert" and labels.get("instance") == "Grafana",
        topic=_hash(json.dumps([*about, focus], sort_keys=True))[:32],
        title=title or rule or "alert without a name",
        rule=rule,
        category=labels.get("category", ""),
        severity=_severity(labels.get("severity", "")),
        environment=labels.get("env") or "prod",
        data_mode=labels.get("data_mode") or "real",
        owner=labels.get("owner", ""),
        scope=labels.get("scope", ""),
        focus=focus,
        window_from=window[0] if window else starts_at - _ASSUMED_WINDOW,
        window_to=window[1] if window else starts_at,
        is_window_given=window is not None,
        baseline=_baseline(values, links),
        score=values.get("SCORE"),
        value=values.get("VALUE"),
        threshold=values.get("THRESHOLD"),
        labels=labels,
        annotations=annotations,
        values=values,
        links=links,
    )


def _ended_at(given: Mapping[str, Any], starts_at: datetime) -> datetime | None:
    """When it ended; a resolved alert without an end ended no later than it began to be told."""
    ended_at = _instant(given.get("endsAt"))
    if given.get("status") != "resolved":
        return None
    return starts_at if ended_at is None or ended_at < _NOT_ENDED else max(ended_at, starts_at)


def _severity(text: str) -> str:
    """One of three; what is unknown is worth a look, and no page."""
    known = {"critical": "critical", "page": "critical", "error": "critical", "info": "info", "none": "info"}
    return known.get(text.lower(), "warning" if text else "info")


def _window(values: Mapping[str, float]) -> tuple[datetime, datetime] | None:
    start, end = _moment(values.get("WFROM")), _moment(values.get("WTO"))
    if start is None or end is None or not start < end <= start + _LONGEST_WINDOW:
        return None
    return start, end


def _moment(milliseconds: float | None) -> datetime | None:
    if milliseconds is None or not 946684800000 <= milliseconds <= 4102444800000:  # 2000 to 2100
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=round(milliseconds))


def _baseline(values: Mapping[str, float], links: Mapping[str, str]) -> str:
    """Hours back in the value BASE, 0 for the equal window before; else as the link says."""
    hours = values.get("BASE")
    if hours is None:
        told = dict(parse_qsl(urlsplit(links.get("investigate", "")).query)).get("var-baseline", "")
        return told if re.fullmatch(r"[1-9]\d{0,4}[smhd]", told) else "previous"
    return f"{round(hours)}h" if 1 <= hours <= 8784 else "previous"


def _links(given: Mapping[str, Any], annotations: Mapping[str, str]) -> dict[str, str]:
    found = {
        "investigate": annotations.get("investigate_url", ""),
        "runbook": annotations.get("runbook_url", ""),
        "rule": _text(given.get("generatorURL")),
        "silence": _text(given.get("silenceURL")),
        "dashboard": _text(given.get("dashboardURL")),
        "panel": _text(given.get("panelURL")),
    }
    return {name: url for name, url in found.items() if url.startswith(("http://", "https://", "/d/"))}


def _texts(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        return {}
    pairs = [(_text(key)[:_LONGEST_KEY], _text(value)) for key, value in given.items()]
    return dict(pairs[:_MOST_KEYS])


def _text(value: object) -> str:
    """The text as PostgreSQL can store it: no NUL, no half of a surrogate pair."""
    if not isinstance(value, str):
        return ""
    return value[:_LONGEST_TEXT].replace("\x00", "").encode("utf-8", "replace").decode()


def _numbers(given: object) -> dict[str, float]:
    """refId → number; what is null, infinite or no number is left out."""
    if not isinstance(given, dict):
        return {}
    pairs = list(given.items())[:_MOST_KEYS]
    return {_text(name)[:_LONGEST_KEY]: float(value) for name, value in pairs if _is_number(value)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _whole(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    return None


def _instant(value: object) -> datetime | None:
    """RFC 3339 with up to nine digits of a second; ours keep six."""
    match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    zone = "+00:00" if match[3] in "Zz" else match[3]
    try:
        moment = datetime.fromisoformat(f"{match[1]}.{(match[2] or '0')[:6]:0<6}{zone}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # no such day, or the year 1 in a zone east of Greenwich
        return datetime(1, 1, 1, tzinfo=UTC) if match[1].startswith("0001-") else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
