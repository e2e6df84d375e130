"""The tags a call should carry, and the line of code that adds each missing one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from operations.query import Row
from operations.terminal import number, usd
from processor.calls.call import REAL, UNKNOWN


class Check(NamedTuple):
    """One line of the checklist.

    Attributes:
        found: what was read, and where from.
        remedy: what to add when it did not pass.
    """

    name: str
    passed: bool
    found: str
    remedy: str = ""


def checklist(call: Row) -> list[Check]:
    """The six things a call should report: endpoint, prompt version, identity, usage, price, data mode.

    Args:
        call: a row of the query `arrived_calls`.
    """
    return [
        _tag(call, "endpoint", "endpoint_tag", 'span.set_attribute("endpoint_tag", "checkout.ai_summary")'),
        _tag(call, "prompt version", "prompt_version", 'span.set_attribute("prompt_version", "summary_v3")'),
        _identity(call),
        _usage(call),
        _price(call),
        _data_mode(call),
    ]


def _tag(call: Row, name: str, field: str, remedy: str) -> Check:
    value = call[field]
    known = bool(value) and value != UNKNOWN
    return Check(
        name, known, f"{value}{_origin(call, field)}" if known else "unknown", "" if known else remedy
    )


def _identity(call: Row) -> Check:
    known = [
        f"{name} {call[field]}{_origin(call, field)}"
        for name, field in (("tenant", "tenant_id"), ("user", "user_id"))
        if call[field] and call[field] != UNKNOWN
    ]
    if not known:
        return Check(
            "identity", False, "neither user nor tenant",
            'span.set_attribute("tenant.id", "acme"); span.set_attribute("user.id", user_id)',
        )  # fmt: skip
    if "raw_identity" in call["flags"]:
        return Check(
            "identity", False, f"{', '.join(known)}: looked like a person and was hashed here",
            "send an id or your own hash (sha256:…), not an e-mail address, phone number or name",
        )  # fmt: skip
    return Check("identity", True, ", ".join(known))


def _usage(call: Row) -> Check:
    tokens = f"{number(call['input_tokens'])} in, {number(call['output_tokens'])} out"
    if call["usage_source"] == "provider" and not _DOUBTS & set(call["flags"]):
        return Check("usage", True, f"{tokens}{_origin(call, 'input_tokens')}")
    if "usage_ambiguous" in call["flags"]:
        found = f"{tokens}, which may or may not hold the cached tokens or the reasoning beside them"
        return Check("usage", False, found, "docs/instrumenting.md, Traps: Cached tokens and reasoning")
    if call["usage_source"] == "estimated":
        return Check("usage", False, f"{tokens}, estimated", _USAGE_REMEDY)
    if call["price_status"] == "error_without_usage":
        return Check("usage", True, "none: the call failed, and providers do not bill refused requests")
    lost = "partly lost on the way" if call["usage_source"] == "provider" else "none"
    return Check("usage", False, lost, _USAGE_REMEDY)


_DOUBTS = frozenset({"usage_lossy", "usage_ambiguous"})
_USAGE_REMEDY = (
    'for OpenAI streams: client.chat.completions.create(…, stream_options={"include_usage": True})'
)


def _price(call: Row) -> Check:
    model, status = f"{call['provider']}/{call['model']}", call["price_status"]
    if status in ("priced", "free", "estimated"):
        return Check("price", True, f"{usd(call['cost_pico_usd'], 6)} for {model}")
    if status == "unpriced_model":
        return Check(
            "price", False, f"no price for {model}", "add the model to prices.yaml (docs/pricing.md)"
        )
    if status == "error_without_usage":
        return Check("price", True, "none: the call failed without usage")
    return Check("price", False, f"unknown: {status.replace('_', ' ')}", "a price needs usage, see above")


def _data_mode(call: Row) -> Check:
    mode, environment = call["data_mode"], call["environment"]
    if "data_mode_unknown" in call["flags"]:
        found = f"no known word{_origin(call, 'data_mode')}: it counts as {mode}, and its cost is uncertain"
        return Check(
            "data mode", False, found, 'span.set_attribute("data_mode", "real"), or "test" or "demo"'
        )
    found = f"{mode}, environment {environment}{_origin(call, 'data_mode')}"
    if (mode, environment) != (REAL, "prod"):
        found += "; pages and dashboards show prod and real unless you choose otherwise"
    return Check("data mode", True, found)


def _origin(call: Row, field: str) -> str:
    """` (from <attribute>)`, where the reading of the span says so."""
    sources: Sequence[Sequence[object]] = call["sources"] or ()
    attribute = next((str(source[1]) for source in sources if source[0] == field), "")
    return f" (from {attribute})" if attribute and not attribute.startswith("<") else ""
