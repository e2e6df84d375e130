"""Which of the calls with one response id is the answer, and which repeat it (LEDGER §1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from processor.calls.call import Flag, ModelCall
from processor.calls.response_id import is_strong_response_id
from processor.calls.same_call import times
from processor.calls.telling import telling
from storage.journal.stored_row import Row

REPEATED = int(Flag.RESPONSE_REPEATED)


class Told(NamedTuple):
    """A call: the row that stands for it, and what each of its spans says.

    Attributes:
        is_settled: a span of it was compared while more was known; then the row keeps its mark.
    """

    row: Row | None
    calls: list[ModelCall]
    is_settled: bool = False


def mark_repeated(told: Iterable[Told]) -> Iterable[Row]:
    """Of calls with one strong response id the first is the answer; the rows of which the mark changes."""
    by_id: dict[str, list[tuple[tuple[int, int], Row]]] = {}
    joined: set[str] = set()
    judged: dict[int, tuple[Row, bool]] = {}
    kept: set[int] = set()
    for row, calls, is_settled in told:
        if row is None:
            continue
        if is_settled and row.call.flags & REPEATED:
            kept.add(id(row))
        if not any(_may_repeat(call) for call in calls):
            judged[id(row)] = row, False  # it had the id of a span that has found another call
        for response_id in {call.response_id for call in calls if call.response_id}:
            if is_strong_response_id(response_id):
                same = [times(call) for call in calls if call.response_id == response_id]
                by_id.setdefault(response_id, []).append((min(same), row))
                joined |= {response_id} if len(same) > 1 else set()
    for response_id, found in by_id.items():
        if len(found) == 1 and response_id not in joined:
            continue  # a call that is alone keeps what ingest saw
        for number, (_, row) in enumerate(sorted(found, key=lambda one: (one[0], one[1].place))):
            _, repeats = judged.get(id(row), (row, False))
            judged[id(row)] = row, repeats or number > 0
    for row, repeats in judged.values():
        flags = row.call.flags & ~REPEATED | (REPEATED if repeats or id(row) in kept else 0)
        if flags != row.call.flags:
            row.call.flags = flags
            yield row


def _may_repeat(call: ModelCall) -> bool:
    """Whether ingest may have found that this call repeats an answer: only by what joins across traces."""
    return is_strong_response_id(call.response_id or "") or bool(telling(call))
