"""What a batch stores beside its calls: uncounted spans, other readings, unread usage, rejections."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from processor.calls.call import OWN, Batch, ModelCall, UncountedSpan, Unread
from storage.ingest.key_claims import KeyClaims
from storage.ingest.uncounted import (
    Spot,
    copy_data,
    duplicate,
    further,
    mark_row,
    rejection_row,
    sighting_row,
)

MAX_QUARANTINED = 1_000
"""Rejections kept per transaction; all are counted, a flood of them must not fill the disk."""


class Extras(NamedTuple):
    """Rows that a transaction stores beside its calls, packed."""

    sightings: Sequence[bytes | None] = ()
    joined: Sequence[tuple[UncountedSpan, int]] = ()
    """Spans that are one call with a counted one of the same request, with their receipts."""
    marks: Sequence[bytes | None] = ()
    unread: Sequence[tuple[Unread, int]] = ()
    quarantine: bytes | None = None
    served: Sequence[tuple[bytes, bytes, int]] = ()
    """Wrappers that calls of their requests stand for: trace id, span id, claimed start in nanoseconds."""


def extras_of(batches: list[Batch]) -> Extras:
    """Contents of batches beside their calls."""
    sightings = [sighting_row(s, received(b)) for b in batches for s in b.sightings if s.of is None]
    joined = [(s, received(b)) for b in batches for s in (*b.readings, *b.sightings) if s.of is not None]
    marks = [mark_row(s, received(b)) for b in batches for s in b.sightings]
    rejected = [rejection_row(r, received(b)) for b in batches for r in b.rejections[:MAX_QUARANTINED]]
    unread = [(s.unread, received(b)) for b in batches for s in b.sightings if s.unread is not None]
    served = [(s.trace_id, s.span_id, s.served_ns) for b in batches for s in b.sightings if s.served_ns]
    return Extras(sightings, joined, marks, unread, copy_data(rejected[:MAX_QUARANTINED]), served)


def joined_spans(
    calls: Sequence[ModelCall], claims: KeyClaims, joined: Sequence[tuple[UncountedSpan, int]]
) -> list[bytes | None]:
    """Rows of the spans that are one call with a counted one, each with the place of that call."""
    spots: dict[tuple[bytes, bytes] | None, Spot] = {}
    if joined:
        for index, call in enumerate(calls):
            twin = claims.twins.get(index) or claims.told_before.get(index)
            own = claims.own[index], claims.times_us[index]
            spots[call.trace_id, call.span_id] = own if twin is None else twin.spot
    before = (*claims.twins, *claims.told_before)
    counted_before = {(calls[index].trace_id, calls[index].span_id) for index in before}
    read = {sighting.of for sighting, _ in joined if sighting.part == OWN}
    rows = [
        sighting_row(
            sighting,
            received_ns,
            None if _is_itself(sighting) and sighting.of not in counted_before else spots.get(sighting.of),
        )
        for sighting, received_ns in joined
        if (sighting.trace_id, sighting.span_id) not in claims.known_spans
    ]
    for index, twin in claims.twins.items():
        call = calls[index]
        if (call.trace_id, call.span_id) not in read:  # else what it says itself is among them
            rows.append(sighting_row(duplicate(call), call.received_ns, twin.spot))
    for index, firsts in claims.further.items():
        spots_of = (first.spot for first in firsts)
        rows += [sighting_row(further(calls[index]), calls[index].received_ns, spot) for spot in spots_of]
    return rows


def duplicates(
    calls: Sequence[ModelCall], claims: KeyClaims, joined: Sequence[tuple[UncountedSpan, int]]
) -> list[ModelCall]:
    """What the spans without a row say that are one call with a counted one."""
    in_request = [sighting.call for sighting, _ in joined if sighting.call is not None]
    return [*in_request, *(calls[index] for index in claims.twins)]


def _is_itself(sighting: UncountedSpan) -> bool:
    """Whether it is the counted span itself: what that one says, or the same span sent twice."""
    return sighting.of == (sighting.trace_id, sighting.span_id)


def received(batch: Batch) -> int:
    """Receipt of a request, as its decoder says; else as its calls do."""
    return batch.received_ns or (batch.calls[0].received_ns if batch.calls else time.time_ns())
