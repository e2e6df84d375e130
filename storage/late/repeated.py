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
        rows: those of the spans; None where a span has none.
        is_settled: a span of it was compared while more was known; then the row keeps its mark.
    """

    row: Row | None
    calls: list[ModelCall]
    rows: list[Row | None]
    is_settled: bool = False

    def repeats_alone(self, response_id: str) -> bool:
        """Whether it repeats an answer that is not here: what ingest saw of its spans that have the id."""
        said = zip(self.rows, self.calls, strict=True)
        marks = [_is_marked(row) for row, call in said if row is not None and call.response_id == response_id]
        return all(marks) if marks else _is_marked(self.row)


def mark_repeated(told: Iterable[Told]) -> Iterable[Row]:
    """Of calls with one strong response id the first is the answer; the rows of which the mark changes."""
    by_id: dict[str, list[tuple[tuple[int, int], Told]]] = {}
    joined: set[str] = set()
    judged: dict[int, tuple[Row, bool]] = {}
    for one in told:
        if one.row is None:
            continue
        if one.is_settled and _is_marked(one.row):
            judged[id(one.row)] = one.row, True
        elif not any(_may_repeat(call) for call in one.calls):
            judged[id(one.row)] = one.row, False  # it had the id of a span that has found another call
        for response_id in {call.response_id for call in one.calls if call.response_id}:
            if is_strong_response_id(response_id):
                same = [times(call) for call in one.calls if call.response_id == response_id]
                by_id.setdefault(response_id, []).append((min(same), one))
                joined |= {response_id} if len(same) > 1 else set()
    alone: list[tuple[str, Told]] = []
    for response_id, found in by_id.items():
        if len(found) == 1 and response_id not in joined:
            alone.append((response_id, found[0][1]))
            continue
        for number, (_, one) in enumerate(sorted(found, key=_place)):
            assert one.row is not None
            _, repeats = judged.get(id(one.row), (one.row, False))
            judged[id(one.row)] = one.row, repeats or number > 0
    seen = set(judged)  # the mark of a call with several ids does not say of which it is
    for response_id, one in alone:
        if one.row is not None and id(one.row) not in seen:
            _, repeats = judged.get(id(one.row), (one.row, False))
            judged[id(one.row)] = one.row, repeats or one.repeats_alone(response_id)
    for row, repeats in judged.values():
        if _is_marked(row) != repeats:
            row.call.flags ^= REPEATED
            yield row


def _place(found: tuple[tuple[int, int], Told]) -> tuple[object, ...]:
    when, one = found
    return when, one.row.place if one.row is not None else None


def _is_marked(row: Row | None) -> bool:
    return row is not None and bool(row.call.flags & REPEATED)


def _may_repeat(call: ModelCall) -> bool:
    """Whether ingest may have found that this call repeats an answer: only by what joins across traces."""
    return is_strong_response_id(call.response_id or "") or bool(telling(call))
