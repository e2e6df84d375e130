"""What each item of the checklist is called, what puts it right, and what lists its offending calls."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime
from math import ceil
from typing import NamedTuple

from operations.compare.model import Question
from operations.quality.model import Item, Offender, Selection
from operations.web.grafana import GrafanaLinks


class Advice(NamedTuple):
    """The words of one item.

    Attributes:
        title: what the failing calls have in common.
        remedy: what to change, and where.
        tags: values that the offending calls have, by the names SQL has.
        command: that lists them; `tail` takes filters beside it, `unpriced` lists models.
    """

    title: str
    remedy: str
    tags: Mapping[str, str] = {}  # never changed
    command: str = "tail"


_UNKNOWN = "unknown"
ADVICE = {
    "endpoint": Advice(
        "missing endpoint tag",
        'set the span attribute endpoint_tag, such as "checkout.ai_summary"',
        {"endpoint": _UNKNOWN},
    ),
    "prompt_version": Advice(
        "missing prompt version",
        'set the span attribute prompt_version, such as "summary_v3"',
        {"prompt_version": _UNKNOWN},
    ),
    "identity": Advice(
        "missing user and tenant",
        "set tenant.id or user.id, or put them into the baggage",
        {"tenant": _UNKNOWN, "user": _UNKNOWN},
    ),
    "raw_identity": Advice(
        "raw identities",
        "send an id or your own hash (sha256:…), not an e-mail address, phone number or name",
    ),
    "spelling": Advice("inconsistent spellings", "send one spelling of each service, endpoint and version"),
    "test_in_prod": Advice(
        "test or demo data in prod", 'set deployment.environment.name of test runs to "test"'
    ),
    "usage": Advice(
        "missing, estimated or uncertain usage",
        'for OpenAI streams: stream_options={"include_usage": True}; `spanledger explain` says why',
    ),
    "model": Advice(
        "models without a price", "add them to prices.yaml (docs/pricing.md)", command="unpriced"
    ),
}
"""By the names of `genai.quality_item`."""


def listing(item: Item, offender: Offender, selection: Selection, now: datetime) -> str:
    """The command that lists the calls of an offender, and others of its service and endpoint beside them.

    `tail` follows the calls by receipt: it begins with the window and does not end with it.
    """
    advice = ADVICE[item.name]
    words = ["spanledger", advice.command]
    if advice.command == "tail":
        hours = ceil((now - selection.start).total_seconds() / 3600)
        words += ["--since", f"{hours}h"]
    environment, mode = _place(item, offender, selection)
    words += ["--env", environment, "--data-mode", mode]
    if advice.command == "tail":
        for name, value in sorted(_focus(item, offender, selection).items()):
            words += [f"--{name.replace('_', '-')}", value]
    return shlex.join(words)


def link(item: Item, offender: Offender, selection: Selection, root: str) -> str | None:
    """The Requests dashboard with the same calls; None where no Grafana is known."""
    environment, mode = _place(item, offender, selection)
    question = Question(selection.start, selection.end, environment=environment, data_mode=mode)
    focus = _focus(item, offender, selection)
    url = GrafanaLinks(root).dashboard("spanledger-requests", question, focus)
    return f"{url}&var-price=unpriced_model" if url and item.name == "model" else url


def _place(item: Item, offender: Offender, selection: Selection) -> tuple[str, str]:
    """Environment and data mode of the calls."""
    if item.name == "test_in_prod":
        return "prod", offender.value
    return selection.environment, selection.data_mode


def _focus(item: Item, offender: Offender, selection: Selection) -> dict[str, str]:
    place = {"service": offender.service, "endpoint": offender.endpoint}
    known = {name: value for name, value in place.items() if value}
    return dict(selection.filters) | known | dict(ADVICE[item.name].tags)
