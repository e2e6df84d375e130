"""Further inputs of the kinds that were reported, each from its emitter's source, written compactly.

`tests/fixtures/neighbours/README.md` says what the fields mean.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent / "fixtures" / "neighbours"
_START = 1_795_168_800_000_000_000
_LASTS = 1_500_000_000


@dataclass(frozen=True)
class Neighbour:
    """One input with its truth."""

    kind: str
    told: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.told['name']}"

    @property
    def truth(self) -> dict[str, Any]:
        """What is right, as `tests.cases.comparison.faults` wants it."""
        calls = [{**call, "spanId": _span_id(call["id"])} for call in self.told["calls"]]
        return {"calls": calls, "notCounted": [_span_id(id) for id in self.told["notCounted"]]}

    def payload(self) -> str:
        """The OTLP/JSON request."""
        own = self.told["scope"], self.told["version"]
        scopes = [
            {"scope": {"name": name, "version": version}, "spans": [_span(span)]}
            for span in self.told["spans"]
            for name, version in [span.get("scope", own)]
        ]
        resource = {"attributes": _pairs({"service.name": "neighbour"})}
        return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]})


def _span(span: dict[str, Any]) -> dict[str, Any]:
    made = {
        "traceId": f"{1:032x}",
        "spanId": _span_id(span["id"]),
        "name": span["name"],
        "kind": span["kind"],
        "startTimeUnixNano": str(_START + span["id"]),
        "endTimeUnixNano": str(_START + _LASTS - span["id"]),
        "attributes": _pairs(span["attributes"]),
    }
    if "parent" in span:
        made["parentSpanId"] = _span_id(span["parent"])
    return made


def _span_id(number: int) -> str:
    return f"{number:016x}"


def _pairs(attributes: dict[str, object]) -> list[dict[str, object]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: object) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


NEIGHBOURS = [
    Neighbour(path.stem, told)
    for path in sorted(ROOT.glob("*.json"))
    for told in json.loads(path.read_text())
]
