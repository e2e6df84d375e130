"""What explains an alert: computed when it arrives, stored, and set beside what the ledger says today."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from operations.compare.cause import cause_of, name_of
from operations.compare.drivers import Driver
from operations.compare.model import Change, Comparison, Focus, Question, compare
from operations.format import counted
from operations.inbox.document import DIMENSIONS
from operations.inbox.frozen import Story, from_document, to_document
from operations.inbox.receive import Connection, query, rows
from operations.web import queries
from operations.web.queries import Row, snapshot

log = logging.getLogger("spanledger.inbox")

SEGMENTS, EVIDENCE = 10, 10
_CENT = Decimal("0.01")
_UNJUDGED = ("too_little_data", "no_baseline")
_AT_ONCE = 20
"""Stories of one run: each takes a fraction of a second, and the lease is renewed between runs."""


class Difference(NamedTuple):
    """Why a figure of today is not that of the night, for one side of the comparison.

    Attributes:
        delta_usd: today less then; the late calls' cost and `other_usd` sum to it.
        late_calls, late_usd: calls received since; exact.
        other_usd: what earlier calls cost more or less now; the journal says why.
    """

    side: str
    delta_usd: Decimal
    late_calls: int
    late_usd: Decimal
    other_usd: Decimal


class Today(NamedTuple):
    """What the ledger says now about the window of an alert.

    Attributes:
        differences: one for the window and one for its baseline, where the figures differ.
        changes: what the journal booked since on the days of the window and its baseline.
    """

    answer: Comparison
    differences: list[Difference]
    changes: list[Row]


def question_of(episode: Mapping[str, Any]) -> Question:
    """The comparison that an alert or incident asks for: its own window, baseline, selection and focus.

    A prompt version is told as its endpoint, as in `genai.alert_story`: only there a new one has a past.
    """
    focus = Focus(**{name: episode["focus"].get(name) for name in DIMENSIONS})
    if focus.endpoint and focus.prompt_version:
        focus = focus._replace(prompt_version=None)
    return Question(
        episode["window_from"], episode["window_to"], episode["baseline"], episode["environment"],
        episode["data_mode"], "endpoint", focus,
    )  # fmt: skip


def explain_due(connection: Connection) -> str | None:
    """Compute and store the stories that are missing, the most severe alerts first."""
    due = rows(connection, "unexplained", limit=_AT_ONCE)
    for episode in due:
        explain(connection, episode)
    return f"explained {counted(len(due), 'alert')}" if due else None


def explain(connection: Connection, episode: Mapping[str, Any]) -> Story | None:
    """Compute and store the story of one alert; None where the ledger cannot answer its question."""
    question = question_of(episode)
    try:
        story = tell(connection, question)
    except psycopg.errors.DataError as error:
        # A window or a baseline that PostgreSQL cannot reckon with: asked again it would fail again.
        log.warning("alert %s cannot be explained: %s", episode["id"], type(error).__name__)
        connection.execute(query("store_fault"), {"id": episode["id"]})
        return None
    answer = story.answer
    values = {
        "id": episode["id"],
        "as_of": story.as_of,
        "class": answer.spike.name if answer.spike else None,
        "subject": answer.spike.subject if answer.spike else None,
        "sentence": answer.spike.sentence if answer.spike else None,
        "cost": answer.total.cost_usd if answer.total else None,
        "delta": answer.total.delta_usd if answer.total else None,
        "driver": name_of(cause_of(answer)),
        "document": Jsonb(to_document(story)),
    }
    connection.execute(query("store_story"), values)
    return story


def stored(connection: Connection, episode_id: int) -> Story | None:
    """The story of the night; None while it is not computed."""
    found = rows(connection, "story", id=episode_id)
    if not found or "asOf" not in found[0]["document"]:
        return None
    return from_document(found[0]["document"])


def told_of(alert: Mapping[str, Any], night: Story | None) -> str:
    """The sentence of an alert: of the night's own classification, else what the alert said.

    The night asks for what the alert names; where that alone cannot be judged (a user who was hardly there
    before), the alert's own sentence, which is of the whole, says more. '' where nothing is said.
    """
    own, spike = alert["annotations"].get("sentence"), night.answer.spike if night else None
    if spike and not (own and spike.name in _UNJUDGED):
        return spike.sentence
    return str(own or alert["annotations"].get("summary") or "")


def tell(connection: Connection, question: Question) -> Story:
    """Ask everything in one snapshot."""
    with snapshot(connection):
        as_of: datetime = rows(connection, "complete_to")[0]["as_of"]
        answer = _answer(connection, question)
        points, step = queries.points(connection, question)
        calls = queries.calls(connection, question, EVIDENCE)
        now, before = _received_after(connection, question, answer.total, as_of)
    return Story(
        as_of, answer, points, step, calls, now["calls"], now["cost_usd"], before["calls"], before["cost_usd"]
    )


def _answer(connection: Connection, question: Question) -> Comparison:
    answer = compare(connection, question, SEGMENTS)
    return answer._replace(drivers=worth_telling(answer.drivers))


def worth_telling(drivers: list[Driver]) -> list[Driver]:
    """Without those that would read as $0.00 beside one that does not."""
    return [each for each in drivers if abs(each.excess_usd) >= _CENT / 2] or drivers


def today(connection: Connection, question: Question, story: Story) -> Today:
    """The same question now, and the reason of every difference."""
    with snapshot(connection):
        answer = _answer(connection, question)
        total = answer.total or story.answer.total
        now, before = _received_after(connection, question, total, story.as_of)
        changes = _changes(connection, question, total, story.as_of)
    then, ahead = story.answer.total, (story.ahead_calls, story.ahead_usd)
    ahead_before = story.baseline_ahead_calls, story.baseline_ahead_usd
    sides = (
        _difference("this window", _costs("cost_usd", answer.total, then), now, ahead),
        _difference("its baseline", _costs("baseline_cost_usd", answer.total, then), before, ahead_before),
    )
    return Today(answer, [each for each in sides if each.delta_usd or each.late_calls], changes)


def _difference(
    side: str, costs: tuple[Decimal, Decimal], late: Row, ahead: tuple[int, Decimal]
) -> Difference:
    """Args: costs: today's and the night's; ahead: what had come after `as_of` and was in the figures."""
    delta, late_usd = costs[0] - costs[1], late["cost_usd"] - ahead[1]
    return Difference(side, delta, late["calls"] - ahead[0], late_usd, delta - late_usd)


def _costs(name: str, *totals: Change | None) -> tuple[Decimal, Decimal]:
    now, then = (Decimal(0) if total is None else getattr(total, name) for total in totals)
    return now, then


def _received_after(
    connection: Connection, question: Question, total: Change | None, moment: datetime
) -> tuple[Row, Row]:
    """Calls received after a moment in the windows that were used: now, and before."""
    if total is None:
        none: Row = {"calls": 0, "cost_usd": Decimal(0)}
        return none, none
    windows = (
        (total.from_used, total.to_used),
        (total.baseline_from_used, total.baseline_to_used),
    )
    now, before = (
        rows(
            connection, "received_after", moment=moment, start=start, end=end,
            environment=question.environment, data_mode=question.data_mode, **question.focus._asdict(),
        )[0]
        for start, end in windows
    )  # fmt: skip
    return now, before


def _changes(connection: Connection, question: Question, total: Change | None, moment: datetime) -> list[Row]:
    if total is None:
        return []
    windows = {
        "start": total.from_used, "end": total.to_used,
        "baseline_start": total.baseline_from_used, "baseline_end": total.baseline_to_used,
    }  # fmt: skip
    return rows(
        connection, "changed_after", moment=moment, environment=question.environment,
        data_mode=question.data_mode, **windows,
    )  # fmt: skip
