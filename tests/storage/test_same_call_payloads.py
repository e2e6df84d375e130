"""The same-call property over real spans: captured payloads and reported cases, however they are delivered.

All of them play side by side in one ledger: whole, and in pieces that are shuffled, repeated, sent to two
receivers and minutes apart, with late binding in between. Each ends in the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from random import Random

import pytest

from tests.sizes import FULL_SIZE
from tests.storage.deliveries import State, differences, new_number, settle, state, stored
from tests.storage.late import Late, late_ledger
from tests.storage.payloads import Delivery, payloads

PAYLOADS = payloads()
DAY_NS = 86_400_000_000_000

Pieces = list[bytes]
"""The requests of a delivery, in order."""
Split = Callable[[Delivery, Random], Pieces]


def each(delivery: Delivery, chance: Random) -> Pieces:
    """A request for every span, as they stand in the payload."""
    return delivery.spans


def reversed_(delivery: Delivery, chance: Random) -> Pieces:
    """A request for every span, the last first."""
    return delivery.spans[::-1]


def repeated(delivery: Delivery, chance: Random) -> Pieces:
    """Every span twice, in any order, and then the whole again."""
    spans = [*delivery.spans, *delivery.spans]
    chance.shuffle(spans)
    return [*spans, delivery.whole]


def pieces(delivery: Delivery, chance: Random) -> Pieces:
    """Spans in any order in any number of requests, some of them twice."""
    spans = [*delivery.spans, *(one for one in delivery.spans if chance.random() < 0.2)]
    chance.shuffle(spans)
    made: Pieces = []
    for span in spans:
        if made and chance.random() < 0.5:
            made[chance.randrange(len(made))] += span
        else:
            made.append(span)
    return made


def whole(delivery: Delivery, chance: Random) -> Pieces:
    """As its emitter sent it."""
    return [delivery.whole]


@pytest.fixture
def late(migrated_database: str) -> Iterator[Late]:
    newest = max(payload.newest_ns for payload in PAYLOADS)
    with late_ledger(migrated_database, begin_ns=newest, late_limit_ns=400 * DAY_NS) as ledger:
        yield ledger


def deliver(late: Late, split: Split, seed: int, gap: float) -> list[State]:
    """Deliver every payload in pieces, so many minutes apart; what each ended in."""
    chance = Random(seed)
    deliveries = [Delivery(payload, new_number()) for payload in PAYLOADS]
    for step, requests in enumerate(zip_longest(*(split(delivery, chance) for delivery in deliveries))):
        sent: tuple[Pieces, Pieces] = [], []
        for request in requests:
            if request is not None:
                sent[chance.randrange(2)].append(request)
        for receiver, bodies in enumerate(sent):
            if bodies:
                late.send_bodies(bodies, step * gap, receiver)
        if gap or chance.random() < 0.3:
            late.bind(step * gap)
    settle(late)
    return states(late, deliveries)


def states(late: Late, deliveries: Sequence[Delivery]) -> list[State]:
    rows = stored(late)
    return [state(rows.get(delivery.prefix, ()), delivery.originals) for delivery in deliveries]


ROUNDS: Sequence[tuple[Split, float]] = [(reversed_, 2), (pieces, 0)]
"""How they are delivered in the suite, and the minutes between requests."""
MORE_ROUNDS: Sequence[tuple[Split, float]] = [(each, 0), (repeated, 0), (pieces, 1), (pieces, 0)]

TAGS = ("endpoint_tag", "prompt_version", "user_id", "tenant_id", "conversation_id", "sources")
WHERE_A_SPLIT_SHOWS: Mapping[str, tuple[str, ...]] = {
    # A plain span that is not GenAI is read only in the request of the calls below it.
    "litellm-otel/under_http_server_span": TAGS,
    "openlit/trace_decorator": TAGS,
    "otel-genai-openai/under_http_server_span": TAGS,
    "otel-openai-v2/under_http_server_span": TAGS,
    "cases/04-codex-handle-responses": ("sources",),  # the nearest of the plain spans that name the model
}
"""Payload → columns that docs/internals/counting-rules.md ("Where a split shows") lets differ."""


def test_real_spans_end_in_the_same_rows_however_they_come(late: Late) -> None:
    expected = deliver(late, whole, 0, 0)
    faults = []
    for seed, (split, gap) in enumerate([*ROUNDS, *(MORE_ROUNDS if FULL_SIZE else ())]):
        for payload, one, other in zip(PAYLOADS, expected, deliver(late, split, seed, gap), strict=True):
            allowed = WHERE_A_SPLIT_SHOWS.get(payload.name, ())
            said = [f for f in differences(one, other) if f[1] not in allowed]
            faults += [(split.__name__, payload.name, *fault) for fault in said]
    assert faults == []
