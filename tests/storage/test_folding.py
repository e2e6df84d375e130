"""Postings and their folder: summaries are exact sums of what was taken, whoever folds, however it ends."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.calls.call import Batch
from processor.calls.errors import Overloaded
from processor.pricing.charge import Charge
from storage.connection import connect
from storage.ingest import writer as ingest
from storage.ingest.batcher import Batcher
from storage.ingest.writer import Writer
from storage.journal.amender import Amender, Amendment, set_fields
from storage.journal.stored_row import RowKey
from storage.postings.folder import Folder, fold
from storage.schema.measures import write_out
from tests.sizes import FULL_SIZE, examples
from tests.storage.ledger import (
    NOON_NS,
    PRICED,
    SECOND_NS,
    add_up,
    assert_rollups_equal_rows,
    call,
    rows,
    take_all_away,
    totals,
    value,
    write,
)
from tests.storage.test_exactness import facts, ledger_of, truth_of

SUMMED = "SELECT coalesce(sum(calls), 0) FROM _genai.usage_minute"
PLACES = (
    "SELECT (extract(epoch FROM time) * 1000000)::bigint - 946684800000000, uuid_send(call_key)"
    " FROM _genai.model_call"
)
WAITING = "SELECT waiting_calls FROM genai.sums_to"


@pytest.fixture
def receiver(migrated_database: str) -> Iterator[Writer]:
    """A writer that leaves the summaries to a folder, as a receiver's."""
    made = Writer(migrated_database, folds=False)
    yield made
    made.close()


@pytest.fixture
def folder(migrated_database: str) -> Iterator[Folder]:
    made = Folder(migrated_database)
    yield made
    made.close()


def test_a_call_is_there_at_the_acknowledgement_and_in_the_summaries_after_the_fold(
    migrated_database: str, receiver: Writer, folder: Folder
) -> None:
    write(receiver, [call(str(i)) for i in range(5)])
    assert totals(migrated_database)[0] == 5
    assert value(migrated_database, SUMMED) == 0
    assert_rollups_equal_rows(migrated_database)  # less what waits
    assert folder.run() == 5
    assert folder.run() == 0
    for view in ("genai.usage_minute", "genai.usage_hour", "genai.usage_identity"):
        assert totals(migrated_database, view) == totals(migrated_database)
    assert_rollups_equal_rows(migrated_database)


def test_the_checker_finds_a_wrong_sum_beside_what_waits(migrated_database: str, receiver: Writer) -> None:
    write(receiver, [call("a")])
    add_up(migrated_database)
    write(receiver, [call("b")])
    with psycopg.connect(migrated_database) as connection:
        connection.execute("UPDATE _genai.usage_hour SET input_tokens = input_tokens + 1")
    found = rows(migrated_database, "SELECT * FROM _genai.rollup_difference('2015-01-01', '2100-01-01')")
    uneven = rows(migrated_database, "SELECT * FROM _genai.rollup_uneven('2015-01-01', '2100-01-01')")
    assert [(level, difference) for level, *_, difference in found] == [("hour", {"input_tokens": -1})]
    assert uneven == [("hour",)]


def test_sums_to_is_the_oldest_transaction_that_waits_else_now(
    migrated_database: str, receiver: Writer, folder: Folder
) -> None:
    query = "SELECT now() - sums_to, now() - received_to, waiting_calls FROM genai.sums_to"
    assert rows(migrated_database, query) == [(timedelta(0), timedelta(0), 0)]
    now_ns = time.time_ns()
    write(receiver, [call("a", time_ns=now_ns, received_ns=now_ns - 5 * SECOND_NS)])
    time.sleep(0.3)
    ((behind, by_receipt, waiting),) = rows(migrated_database, query)
    assert timedelta(seconds=0.3) < behind < timedelta(seconds=5)
    assert by_receipt > behind + timedelta(seconds=4)
    assert waiting == 1
    watermark = "SELECT now() - complete_to > interval '5 s' FROM genai.watermark"
    assert value(migrated_database, watermark)
    folder.run()
    assert rows(migrated_database, query) == [(timedelta(0), timedelta(0), 0)]
    assert not value(migrated_database, watermark)


def test_freshness_is_measured_when_the_summaries_hold_a_call(
    migrated_database: str, receiver: Writer, folder: Folder
) -> None:
    now_ns = time.time_ns()
    write(receiver, [call(str(i), time_ns=now_ns, received_ns=now_ns - 10 * SECOND_NS) for i in range(3)])
    write(receiver, [call("now", time_ns=now_ns, received_ns=time.time_ns())])
    time.sleep(0.1)
    folder.run()
    folder.run()
    found = rows(migrated_database, "SELECT up_to_ms, calls FROM genai.freshness_minute ORDER BY 1")
    assert [calls for _, calls in found] == [1, 3]
    assert 100 < found[0][0] < 5_000
    assert 10_000 < found[1][0] < 20_000


def test_the_probe_is_in_the_summaries_and_in_no_freshness(
    migrated_database: str, receiver: Writer, folder: Folder
) -> None:
    write(receiver, [call("probe", environment="spanledger-probe", data_mode="test")])
    folder.run()
    folder.run()
    assert value(migrated_database, SUMMED) == 1
    assert rows(migrated_database, "SELECT * FROM genai.freshness_minute") == []


def test_a_fold_of_a_backlog_takes_whole_transactions(migrated_database: str, receiver: Writer) -> None:
    for batch in range(20):
        write(receiver, [call(f"{batch} {i}") for i in range(50)])
    small = Folder(migrated_database, most=120)
    seen = []
    while taken := small.run():
        seen.append(taken)
        assert value(migrated_database, SUMMED) % 50 == 0
        assert_rollups_equal_rows(migrated_database)
    small.close()
    assert sum(seen) == 1000
    assert len(seen) > 3
    assert value(migrated_database, SUMMED) == 1000


def test_summaries_that_lose_their_last_call_go(migrated_database: str, receiver: Writer) -> None:
    write(receiver, [call("a", endpoint_tag="old")])
    ((time_us, key),) = rows(migrated_database, PLACES)
    with Amender(migrated_database, "tag") as amender:
        amender.apply([Amendment((RowKey(time_us, bytes(key)),), set_fields(endpoint_tag="new"))])
        assert value(migrated_database, WAITING) == 3
    assert value(migrated_database, WAITING) == 0, "a finished run is in the summaries"
    for view in ("usage_minute", "usage_hour", "usage_identity"):
        assert rows(migrated_database, f"SELECT endpoint_tag, calls FROM genai.{view}") == [("new", 1)]  # noqa: S608
    assert value(migrated_database, "SELECT count(*) FROM _genai.usage_hour") == 1
    assert_rollups_equal_rows(migrated_database)


def test_what_waits_when_a_floor_rises_is_added_where_it_is_still_kept(
    migrated_database: str, receiver: Writer
) -> None:
    day_ns = 86_400 * SECOND_NS
    write(receiver, [call("now"), call("day", time_ns=NOON_NS - 2 * day_ns)])
    with psycopg.connect(migrated_database) as connection:
        connection.execute("UPDATE _genai.floor SET time = '2026-09-21 13:00' WHERE level = 'minute'")
        connection.execute("UPDATE _genai.floor SET time = '2026-09-21 00:00' WHERE level = 'identity_hour'")
    add_up(migrated_database)
    assert value(migrated_database, SUMMED) == 1
    assert value(migrated_database, "SELECT sum(calls) FROM genai.usage_hour") == 2
    assert value(migrated_database, "SELECT sum(calls) FROM genai.usage_identity") == 1
    assert value(migrated_database, "SELECT sum(calls) FROM genai.usage_identity_day") == 1
    assert_rollups_equal_rows(migrated_database)


def test_a_fold_that_is_rolled_back_took_nothing(migrated_database: str, receiver: Writer) -> None:
    write(receiver, [call("a")])
    with connect(migrated_database) as conn:
        conn.execute("BEGIN")
        assert fold(conn) == 1
        conn.execute("ROLLBACK")
    assert value(migrated_database, WAITING) == 1
    assert add_up(migrated_database) == 1
    assert_rollups_equal_rows(migrated_database)


def test_a_sum_beyond_bigint_sets_its_transaction_aside_and_holds_up_no_other(
    migrated_database: str, receiver: Writer
) -> None:
    huge = Charge("priced", 5 * 10**18, 5 * 10**18, 0, 0, 0, 0)
    write(receiver, [call("a")])
    write(receiver, [call("b")], huge)
    write(receiver, [call("c")], huge)
    write(receiver, [call("d")])
    assert add_up(migrated_database) == 4
    assert value(migrated_database, SUMMED) == 3
    assert value(migrated_database, "SELECT count(*) FROM _genai.posting_refused") == 1
    found = rows(migrated_database, "SELECT level FROM _genai.rollup_difference('2015-01-01', '2100-01-01')")
    assert found == [("hour",), ("identity_hour",), ("minute",)]


def test_summaries_that_an_older_version_writes_itself_stay_exact(
    migrated_database: str, receiver: Writer
) -> None:
    """In a rolling upgrade: its calls have no posting, and stand in the same buckets."""
    write(receiver, [call("ours")])
    with psycopg.connect(migrated_database) as connection:
        connection.execute(
            "INSERT INTO _genai.model_call SELECT (jsonb_populate_record(m, jsonb_build_object("
            "'call_key', gen_random_uuid()))).* FROM _genai.model_call m"
        )
        sums = write_out("{calls..latency_b23: b.#}")
        for level, unit, ids in (
            ("minute", "minute", "b.series_id"),
            ("hour", "hour", "b.series_id"),
            ("identity_hour", "hour", "b.identity_id, s.facet_id"),
        ):
            connection.execute(
                f"INSERT INTO _genai.usage_{level}"  # noqa: S608
                f" SELECT date_bin('1 {unit}', b.time, 'epoch'), {ids}, {sums}"
                " FROM _genai.booked b JOIN _genai.series s ON s.id = b.series_id LIMIT 1".encode()
            )
    assert_rollups_equal_rows(migrated_database)
    add_up(migrated_database)
    assert_rollups_equal_rows(migrated_database)
    assert value(migrated_database, "SELECT calls FROM genai.usage_hour") == 2


async def test_a_backlog_that_nobody_folds_is_answered_with_back_pressure(
    migrated_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BACKLOG_BYTES", 0)
    one = Batch(calls=[call("a")], spans=1)
    async with Batcher(migrated_database, writers=1) as batcher:
        assert (await batcher.submit(one, [PRICED])).accepted == 1, "folded not long ago"
        with psycopg.connect(migrated_database) as connection:
            connection.execute("UPDATE _genai.fold_state SET sums_to = now() - interval '1 hour'")
        with suppress(Overloaded):  # the writer sees it with this batch at the latest
            await batcher.submit(Batch(calls=[call("b")], spans=1), [PRICED])
        with pytest.raises(Overloaded, match="summaries"):
            await batcher.submit(Batch(calls=[call("c")], spans=1), [PRICED])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 1), st.lists(st.integers(0, 40), min_size=1, max_size=12)),
        st.tuples(st.just("amend"), st.integers(0, 40), st.sampled_from(["a", "b", "moved"])),
        st.tuples(st.just("fold"), st.sampled_from([1, 5, 100_000]), st.none()),
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=examples(20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(steps=STEPS)
def test_after_any_sequence_of_writes_amendments_and_folds_rows_equal_sums_and_what_waits(
    migrated_database: str, steps: list[tuple[str, int, Any]]
) -> None:
    take_all_away(migrated_database)
    writers = Writer(migrated_database, folds=False), Writer(migrated_database, folds=False)
    with Amender(migrated_database, "tag") as amender, connect(migrated_database) as conn:
        for step, number, more in steps:
            if step == "write":
                calls, charges = zip(*(facts(n) for n in more), strict=True)
                writers[number].write([(Batch(calls=list(calls)), list(charges))])
            elif step == "amend":
                made = facts(number)[0]
                span_id = int.from_bytes(made.span_id, "big", signed=True)
                places = rows(migrated_database, f"{PLACES} WHERE span_id = %s", span_id)
                change = set_fields(endpoint_tag=more)
                amender.apply(Amendment((RowKey(at, bytes(key)),), change) for at, key in places)
            else:
                conn.execute("SELECT * FROM _genai.fold(%s)", (number,))
            assert_rollups_equal_rows(migrated_database)
    for writer in writers:
        writer.close()
    add_up(migrated_database)
    sent = {n for step, _, more in steps if step == "write" for n in more}
    assert ledger_of(migrated_database) == truth_of(sent)
    assert_rollups_equal_rows(migrated_database)
    assert value(migrated_database, SUMMED) == len(sent)


def test_every_snapshot_is_exact_while_writers_resend_amenders_change_and_folders_are_killed(
    migrated_database: str,
) -> None:
    population = 4_000 if FULL_SIZE else 600
    stop = threading.Event()
    threads = [
        threading.Thread(target=_send, args=(migrated_database, seed, population)) for seed in range(2)
    ]
    beside = [
        threading.Thread(target=_until, args=(stop, work))
        for work in (
            lambda: _fold_once(migrated_database),
            lambda: _kill_folder(migrated_database),
            lambda: _amend_some(migrated_database),
        )
    ]
    for thread in (*threads, *beside):
        thread.start()
    snapshots = 0
    try:
        while any(thread.is_alive() for thread in threads):
            assert _differences(migrated_database) == []
            snapshots += 1
    finally:
        for thread in threads:
            thread.join()
        stop.set()
        for thread in beside:
            thread.join()
    assert snapshots > 3
    add_up(migrated_database)
    assert value(migrated_database, WAITING) == 0
    assert_rollups_equal_rows(migrated_database)
    assert value(migrated_database, SUMMED) == totals(migrated_database)[0] == population
    stored, requests = ledger_of(migrated_database)
    assert (stored, requests) == truth_of(set(range(population)))


def _differences(dsn: str) -> list[tuple[object, ...]]:
    """As the checker compares: one snapshot, which a chunk that is made meanwhile is not in (LEDGER §11)."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return connection.execute(
            "SELECT * FROM _genai.rollup_difference('2015-01-01', '2100-01-01')"
        ).fetchall()


def _until(stop: threading.Event, work: Callable[[], object]) -> None:
    while not stop.is_set():
        work()
        time.sleep(0.02)


def _send(dsn: str, seed: int, population: int) -> None:
    rng = random.Random(seed)
    numbers = list(range(population))
    rng.shuffle(numbers)
    writer = Writer(dsn, patience_seconds=60, folds=False)
    while numbers:
        batch, numbers = numbers[:40], numbers[40:]
        batch += rng.sample(range(population), 10)
        calls, charges = zip(*(facts(n) for n in batch), strict=True)
        writer.write([(Batch(calls=list(calls)), list(charges))])
    writer.close()


def _fold_once(dsn: str) -> None:
    with suppress(psycopg.Error), _folder(dsn, random.choice([30, 1_000])) as folder:
        folder.run()


@contextmanager
def _folder(dsn: str, most: int) -> Iterator[Folder]:
    made = Folder(dsn, most)
    try:
        yield made
    finally:
        made.close()


def _kill_folder(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'spanledger folder'"
            " AND state = 'active'"
        )


def _amend_some(dsn: str) -> None:
    places = rows(dsn, f"{PLACES} ORDER BY random() LIMIT 5")
    tag = random.choice(["a", "b", f"moved {datetime.now(UTC):%S}"])
    with Amender(dsn, "tag") as amender:
        amender.apply(
            Amendment((RowKey(at, bytes(key)),), set_fields(endpoint_tag=tag)) for at, key in places
        )
