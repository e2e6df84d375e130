"""Links from a page or an alert into Grafana: the same window, selection, baseline and focus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from operations.compare.model import Question

DASHBOARDS = {
    "endpoint": "spanledger-endpoints",
    "prompt_version": "spanledger-prompts",
    "tenant": "spanledger-users",
    "user": "spanledger-users",
    "model": "spanledger-models",
}
"""The focused dashboard of each dimension (DESIGN §7)."""
_FOCUS = ("endpoint", "prompt_version", "user", "tenant", "model")


class GrafanaLinks(NamedTuple):
    """Addresses in one Grafana; `root` is empty where none is known, and then there are none."""

    root: str

    @classmethod
    def of(cls, alert: Mapping[str, Any]) -> GrafanaLinks:
        """The Grafana of an alert, as the alert's own links name it."""
        for name, mark in (("investigate", "/d/"), ("rule", "/alerting/"), ("silence", "/alerting/")):
            url = alert["links"].get(name, "")
            if urlsplit(url).scheme in ("http", "https") and mark in url:
                return cls(url.split(mark, 1)[0])
        return cls("")

    def dashboard(self, uid: str, question: Question, focus: Mapping[str, str]) -> str | None:
        """A dashboard with an absolute window in milliseconds."""
        if not self.root:
            return None
        start, end = (round(moment.timestamp() * 1000) for moment in (question.start, question.end))
        values = {
            "data_mode": question.data_mode, "baseline": question.baseline,
            "service": focus.get("service", "*"), **{name: focus.get(name, "*") for name in _FOCUS},
        }  # fmt: skip
        parts = [f"from={start}", f"to={end}", "timezone=utc"]
        parts += [f"var-env={quote(name, safe='')}" for name in question.environment.split(",")]
        parts += [f"var-{name}={quote(value, safe='')}" for name, value in values.items()]
        return f"{self.root}/d/{uid}?{'&'.join(parts)}"

    def focused(self, question: Question, focus: Mapping[str, str]) -> str | None:
        """The dashboard of the driver's most telling dimension."""
        order = ("prompt_version", "tenant", "user", "endpoint", "model")
        name = next((name for name in order if name in focus), None)
        return self.dashboard(DASHBOARDS[name] if name else "spanledger-compare", question, focus)

    def of_question(self, uid: str, question: Question) -> str | None:
        """A dashboard with the question's own focus."""
        focus = {name: value for name, value in question.focus._asdict().items() if value is not None}
        return self.dashboard(uid, question, focus)

    def compare(self, question: Question) -> str | None:
        """Compare, with the question's own focus."""
        return self.of_question("spanledger-compare", question)
