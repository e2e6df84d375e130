"""Reported cases: a payload of a real emitter, what is right of it, and how the two are compared.

`tests/fixtures/cases/README.md` says what each field of an `.expected.json` file means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent / "fixtures" / "cases"
_PICO = Decimal(10) ** 12
_EXACT = (
    "cacheReadTokens",
    "cacheWriteTokens",
    "cacheWrite1hTokens",
    "inputAudioTokens",
    "inputTokens",
    "latencyMs",
    "operation",
    "outputAudioTokens",
    "reasoningTokens",
    "serviceTier",
)
"""Fields that are compared as they stand; an absent one counts as null."""
_WIDENED = {"provider": "acceptProvider", "model": "acceptModel", "outputTokens": "acceptOutput"}
UNCERTAIN = "cost_uncertain"
"""The flag of a cost that may be wrong, which is as good an answer as no cost where a case says so."""


@dataclass(frozen=True)
class Case:
    """One reported input."""

    path: Path
    """The payload, OTLP/JSON."""

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def truth(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.path.with_suffix(".expected.json").read_text())
        return loaded


CASES = [Case(path) for path in sorted(ROOT.glob("*.json")) if ".expected" not in path.suffixes]


def faults(right: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What `spanledger inspect --json` says of a case that is not right; empty when all of it is.

    Args:
        right: what is right of it, as an `.expected.json` file says it.
        found: the line that `inspect --json` prints for the case's payload.
    """
    counted = {call["spanId"]: call for call in found["calls"]}
    expected = {call["spanId"]: call for call in right["calls"]}
    said = [f"{span_id}: counted, but is no call" for span_id in counted.keys() - expected.keys()]
    for span_id, truth in expected.items():
        if span_id not in counted:
            said.append(f"{span_id}: not counted")
        else:
            said += [f"{span_id}: {fault}" for fault in _call_faults(truth, counted[span_id])]
    left = {span["spanId"] for span in found["notCounted"]}
    said += [f"{span_id}: not in notCounted" for span_id in right["notCounted"] if span_id not in left]
    return said


def _call_faults(truth: Mapping[str, Any], call: Mapping[str, Any]) -> Iterator[str]:
    for name in _EXACT:
        if name in truth and call.get(name) != truth[name]:
            yield f"{name} is {call.get(name)}, not {truth[name]}"
    for name, accept in _WIDENED.items():
        if call.get(name) not in (truth[name], *truth.get(accept, ())):
            yield f"{name} is {call.get(name)}, not {truth[name]}"
    if missing := set(truth.get("flagsInclude", ())) - set(call["flags"]):
        yield f"flags {sorted(missing)} are missing"
    if wrong := set(truth.get("flagsExclude", ())) & set(call["flags"]):
        yield f"flags {sorted(wrong)} are there"
    if "reportedCostPicoUsd" in truth and _pico(call.get("reportedCostUsd")) != truth["reportedCostPicoUsd"]:
        yield f"reportedCostUsd is {call.get('reportedCostUsd')}"
    yield from _cost_faults(truth, call)


def _cost_faults(truth: Mapping[str, Any], call: Mapping[str, Any]) -> Iterator[str]:
    cost, status = _pico(call["costUsd"]), call["priceStatus"]
    if cost != truth["costPicoUsd"] and not (
        "acceptCostNull" in truth and (cost is None or UNCERTAIN in call["flags"])
    ):
        yield f"cost is {cost} ({status}), not {truth['costPicoUsd']}"
    if "reason" in truth and status not in (truth["reason"], *truth.get("acceptReason", ())):
        yield f"priceStatus is {status}, not {truth['reason']}"


def _pico(usd: str | None) -> int | None:
    return None if usd is None else int(Decimal(usd) * _PICO)
