"""The comparison page of one window: how much, why, which drivers, and the calls behind it."""

from __future__ import annotations

import shlex
from typing import Any

from operations import format as words
from operations.compare.cause import unlisted_cause
from operations.compare.model import DIMENSIONS, Comparison, Focus, Question
from operations.compare.model import compare as ask
from operations.dimensions import is_per_call
from operations.web import queries
from operations.web.parameters import Links
from operations.web.queries import Connection
from operations.web.render import Service, render
from operations.web.svg import waterfall

CALLS = 50
SEGMENTS = 20
BASELINES = ("previous", "24h", "168h")


def compare_page(
    connection: Connection,
    question: Question,
    links: Links,
    service: Service | None = None,
    limit: int = SEGMENTS,
    failed: bool = False,
) -> str:
    """The page as HTML that needs nothing else.

    Args:
        links: where names lead; without a root the page stands alone.
        limit: segments at most; the total counts all.
        failed: list the newest calls that failed instead of the newest.
    """
    answer = ask(connection, question, limit)
    with queries.snapshot(connection):
        chart, step = queries.burn(connection, question)
        calls = queries.calls(connection, question, CALLS, failed)
        grafana = queries.grafana(connection, question)
        state = queries.rows(connection, "state", question)[0]
        outside = [] if answer.total else queries.rows(connection, "outside", question)
        alerts = queries.rows(connection, "alerts_within", question)
    total = answer.total
    return render(
        "compare/page.html", service=service, links=links, question=question, total=total,
        answer=answer, waterfall=waterfall(total) if total else None, drivers=answer.drivers,
        chart=chart, step=step,
        alerts=alerts, calls=calls, failed=failed, grafana=grafana, state=state, outside=outside,
        is_new_version=bool(
            total and not total.baseline_calls and question.focus.endpoint and question.focus.prompt_version
        ),
        cause=unlisted_cause(answer, question.focus),
        doubts=words.doubts(question, total) if total else [],
        evidence=_evidence(answer), focus_of=lambda row: focus(question, row.segment), dimensions=DIMENSIONS,
        baselines=BASELINES, command=command(question), refresh=None,
        per="call" if is_per_call(question.dimension) else "request",
    )  # fmt: skip


def focus(question: Question, segment: str) -> dict[str, str] | None:
    """Changes of a link on a segment: the focus on it, and the next dimension to split by."""
    further = words.deeper(question, segment)
    if getattr(question.focus, question.dimension, segment) == segment:
        return None
    return {question.dimension: segment, "by": further[0] if further else question.dimension}


def _evidence(answer: Comparison) -> list[tuple[str, str]]:
    """The numbers of every rule, in words."""
    return list(_flat(answer.spike.evidence)) if answer.spike else []


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for name, value in values.items():
        label = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            found += _flat(value, f"{label} · ")
        else:
            found.append((label, words.DASH if value is None else str(value)))
    return found


def command(question: Question) -> str:
    """The command that prints the same answer."""
    parts = [
        "spanledger", "compare", "--by", question.dimension.replace("_", "-"),
        "--from", words.iso(question.start), "--to", words.iso(question.end),
        "--baseline", question.baseline, "--env", question.environment, "--data-mode", question.data_mode,
    ]  # fmt: skip
    for name in Focus._fields:
        if (value := getattr(question.focus, name)) is not None:
            parts.append(f"--{name.replace('_', '-')}={value}")
    return words.printable(shlex.join(parts))
