"""Whatever arrives, in whatever batches, twice and by several writers: the ledger equals the set of calls."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.calls.call import Batch, ModelCall
from processor.pricing.charge import Charge
from storage.ingest.writer import Writer
from tests.sizes import examples
from tests.storage.ledger import NOON_NS, SECOND_NS, assert_rollups_equal_rows, call, rows, take_all_away

pytestmark = pytest.mark.both_servers


def facts(number: int) -> tuple[ModelCall, Charge]:
    """Call `number` of a fixed population: every kind of key, spread over days, some with one request id."""
    rng = random.Random(number)
    made = call(
        f"call {number}",
        time_ns=NOON_NS - rng.choice([0, 1, 3600, 86_400 * 5]) * SECOND_NS - rng.randrange(60) * SECOND_NS,
        response_id=rng.choice([None, f"resp_{number:020x}abcdef", f"chatcmpl-{number}"]),
        external_request_id=rng.choice([None, f"req_{number // 4}"]),
        input_tokens=rng.choice([None, rng.randrange(10_000)]),
        endpoint_tag=rng.choice([None, "a", "b"]),
        user_id=rng.choice([None, "u", "v"]),
        latency_us=rng.choice([None, rng.randrange(10**7)]),
    )
    made.request_id_given = made.external_request_id is not None
    cost = rng.randrange(10**12)
    return made, rng.choice([Charge("priced", cost, cost, 0, 0, 0, 0), Charge("no_usage")])


def request_scope(made: ModelCall) -> str:
    """What a call counts its request under: the application's id, else itself."""
    return made.external_request_id or made.span_id.hex()


def ledger_of(dsn: str) -> tuple[list[tuple[str, int | None, int | None]], int]:
    stored = rows(dsn, "SELECT span_id, input_tokens, cost_pico_usd FROM genai.model_call ORDER BY span_id")
    ((requests,),) = rows(dsn, "SELECT coalesce(sum(requests), 0) FROM genai.model_call")
    return stored, int(requests)


def truth_of(numbers: set[int]) -> tuple[list[tuple[str, int | None, int | None]], int]:
    made = [facts(n) for n in numbers]
    requests = len({request_scope(c) for c, _ in made})
    return sorted((c.span_id.hex(), c.input_tokens, charge.cost) for c, charge in made), requests


@contextmanager
def two_writers(dsn: str) -> Iterator[tuple[Writer, Writer]]:
    pair = Writer(dsn), Writer(dsn)
    try:
        yield pair
    finally:
        for writer in pair:
            writer.close()


batches = st.lists(
    st.tuples(st.booleans(), st.lists(st.integers(0, 40), min_size=1, max_size=12)), min_size=1, max_size=8
)


@settings(
    max_examples=examples(25),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=batches)
def test_any_sequence_of_batches_equals_the_set_of_its_calls(
    migrated_database: str, sequence: list[tuple[bool, list[int]]]
) -> None:
    take_all_away(migrated_database)
    with two_writers(migrated_database) as pair:
        for second, numbers in sequence:
            calls, charges = zip(*(facts(n) for n in numbers), strict=True)
            (outcome,) = pair[second].write([(Batch(calls=list(calls)), list(charges))])
            assert outcome.accepted + outcome.duplicates == len(numbers)
    assert ledger_of(migrated_database) == truth_of({n for _, numbers in sequence for n in numbers})
    assert_rollups_equal_rows(migrated_database)


def _send(dsn: str, seed: int, population: int) -> None:
    """A receiver of its own: sends everything, shuffled, in batches of its own, some of them twice."""
    rng = random.Random(seed)
    numbers = list(range(population))
    rng.shuffle(numbers)
    writer = Writer(dsn, patience_seconds=30)
    while numbers:
        batch, numbers = numbers[: (size := rng.randrange(1, 80))], numbers[size:]
        batch += rng.sample(range(population), min(10, population))
        calls, charges = zip(*(facts(n) for n in batch), strict=True)
        writer.write([(Batch(calls=list(calls)), list(charges))])
    writer.close()


@pytest.mark.parametrize("processes", [3])
def test_processes_that_send_the_same_calls_at_once_neither_lose_nor_double_one(
    migrated_database: str, processes: int
) -> None:
    population = 1500
    spawn = multiprocessing.get_context("spawn")
    senders = [
        spawn.Process(target=_send, args=(migrated_database, seed, population)) for seed in range(processes)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(120)
    assert [sender.exitcode for sender in senders] == [0] * processes
    assert ledger_of(migrated_database) == truth_of(set(range(population)))
    assert_rollups_equal_rows(migrated_database)
