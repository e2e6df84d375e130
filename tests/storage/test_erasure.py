"""Erasing people and data modes (LEDGER §20): money never moves, and what is asked for is gone everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.calls.call import Batch, ModelCall, Rejection, UncountedSpan
from processor.calls.errors import BadData
from processor.calls.identity import ERASED, Kind, value_hash
from storage.connection import connect
from storage.dimensions.cardinality import TENANT, USER
from storage.ingest.writer import Writer
from storage.journal.erasure import (
    Identity,
    erase_again,
    erase_data_mode,
    erase_identity,
    erased_hashes,
    reach_of_data_mode,
    reach_of_identity,
)
from storage.upkeep.retention import Periods, keep
from tests.conftest import apply_migrations
from tests.servers import fresh_database
from tests.sizes import examples
from tests.storage.ledger import (
    NOON_NS,
    SECOND_NS,
    assert_rollups_equal_rows,
    call,
    rows,
    totals,
    value,
    write,
)

pytestmark = pytest.mark.both_servers

DAY_NS = 86_400 * SECOND_NS
NOW = datetime.fromtimestamp(NOON_NS / 1e9, UTC)
ALICE = Identity(Kind.USER, ("alice", "h:00aa"))
VIEWS = ("genai.model_call", "genai.usage_minute", "genai.usage_hour")


def stored(dsn: str, calls: Sequence[ModelCall], caps: dict[int, int] | None = None) -> None:
    """Write calls with a writer of their own."""
    writer = Writer(dsn, caps=caps)
    write(writer, calls)
    writer.close()


def everything(dsn: str) -> str:
    """Every text and document in every table of ours, to look for what must not be there."""
    tables = rows(
        dsn,
        "SELECT relname FROM pg_class WHERE relnamespace = '_genai'::regnamespace AND relkind = 'r'"
        " AND relname <> 'measure'",
    )
    return "\n".join(
        str(rows(dsn, f"SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM _genai.{name} t"))  # noqa: S608
        for (name,) in tables
    ) + str(rows(dsn, "SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM _genai.model_call t"))


def by_identity(dsn: str) -> tuple[int, ...]:
    """The sums of both identity levels."""
    views = ("genai.usage_identity", "genai.usage_identity_day")
    return tuple(map(sum, zip(*(totals(dsn, view) for view in views), strict=True)))


def test_a_user_is_gone_everywhere_and_no_figure_moves(migrated_database: str) -> None:
    stored(
        migrated_database,
        [
            call("a", user_id="alice"),
            call("b", user_id="h:00aa", tenant_id="globex", time_ns=NOON_NS - 40 * DAY_NS),
            call("c", user_id="bob"),
        ],
    )
    before = [totals(migrated_database, view) for view in VIEWS], by_identity(migrated_database)
    erased = erase_identity(migrated_database, ALICE, by="pytest")
    assert erased.calls == 2
    assert before == ([totals(migrated_database, view) for view in VIEWS], by_identity(migrated_database))
    assert "alice" not in everything(migrated_database)
    assert "h:00aa" not in everything(migrated_database)
    users = rows(migrated_database, "SELECT tenant_id, user_id FROM genai.model_call ORDER BY 1, 2")
    assert users == [("acme", ERASED), ("acme", "bob"), ("globex", ERASED)]
    assert_rollups_equal_rows(migrated_database)
    assert value(migrated_database, "SELECT count(*) FROM genai.ledger_run WHERE kind = 'erase'") == 1
    assert value(migrated_database, "SELECT count(*) FROM genai.ledger_line") == 0


def test_a_tenants_erasure_leaves_its_users_and_its_keys(migrated_database: str) -> None:
    calls = [call(str(n), tenant_id="acme" if n % 2 else "globex") for n in range(6)]
    stored(migrated_database, calls)
    erase_identity(migrated_database, Identity(Kind.TENANT, ("acme",)))
    assert rows(
        migrated_database, "SELECT tenant_id, sum(calls)::int FROM genai.usage_identity GROUP BY 1 ORDER BY 1"
    ) == [
        (ERASED, 3),
        ("globex", 3),
    ]
    assert value(migrated_database, "SELECT count(DISTINCT user_id) FROM genai.model_call") == 1
    stored(migrated_database, calls)  # a resend is known by its key
    assert totals(migrated_database)[0] == 6


def test_sums_whose_calls_are_gone_lose_the_user_too(migrated_database: str) -> None:
    old = [call(f"old {n}", user_id="alice", time_ns=NOON_NS - 100 * DAY_NS) for n in range(3)]
    stored(migrated_database, [*old, call("old bob", user_id="bob", time_ns=NOON_NS - 100 * DAY_NS)])
    stored(migrated_database, [call("gone before", user_id=ERASED, time_ns=NOON_NS - 100 * DAY_NS)])
    keep(migrated_database, Periods(), NOW)
    before = by_identity(migrated_database)
    assert before[0] == 5
    erase_identity(migrated_database, ALICE)
    assert by_identity(migrated_database) == before
    assert rows(migrated_database, "SELECT user_id, calls FROM genai.usage_identity_day ORDER BY 1") == [
        (ERASED, 4),
        ("bob", 1),
    ]


def test_values_beyond_the_days_cap_are_erased_as_exactly(migrated_database: str) -> None:
    caps = {USER: 1, TENANT: 1}
    stored(
        migrated_database,
        [call(str(n), user_id=user, tenant_id=tenant)
         for n, (user, tenant) in enumerate([("bob", "acme"), ("alice", "acme"), ("alice", "globex")])],
        caps,
    )  # fmt: skip
    before = by_identity(migrated_database)
    erase_identity(migrated_database, ALICE, caps=caps)
    assert by_identity(migrated_database) == before
    assert "alice" not in everything(migrated_database)
    assert_rollups_equal_rows(migrated_database)


def test_what_waits_for_late_binding_and_what_was_refused_lose_the_user(migrated_database: str) -> None:
    sighting = UncountedSpan(
        b"t" * 16, b"s" * 8, b"", "agent", "an agent",
        (("user_id", "alice"), ("endpoint_tag", "alice.search")), call=call("inner", user_id="alice"),
    )  # fmt: skip
    refused = Rejection(b"t" * 16, b"s" * 8, "chat for alice", "too_late", "time: alice, not alicea")
    writer = Writer(migrated_database)
    writer.write([(Batch(sightings=[sighting], rejections=[refused]), [])])
    writer.close()
    with connect(migrated_database) as conn:
        assert reach_of_identity(conn, ALICE) == (0, 0, 1, 1)
    erase_identity(migrated_database, ALICE)
    ((tags, inner),) = rows(migrated_database, "SELECT tags, call FROM _genai.sighting")
    assert tags == {"user_id": ERASED, "endpoint_tag": "alice.search"}
    assert inner["user_id"] == ERASED
    assert rows(migrated_database, "SELECT name, detail FROM _genai.quarantine") == [
        (f"chat for {ERASED}", f"time: {ERASED}, not alicea")
    ]


def test_a_writer_that_has_not_heard_writes_under_the_erased_name(migrated_database: str) -> None:
    late = Writer(migrated_database)
    write(late, [call("a", user_id="alice")])
    erase_identity(migrated_database, ALICE)
    write(late, [call("b", user_id="alice")])
    assert rows(migrated_database, "SELECT DISTINCT user_id FROM genai.model_call") == [(ERASED,)]
    write(late, [call("c", user_id="alice", tenant_id="new")])  # a combination that was never stored
    late.close()
    assert "alice" in everything(migrated_database)
    assert erase_again(migrated_database).calls == 1
    assert "alice" not in everything(migrated_database)
    assert erase_again(migrated_database).calls == 0
    assert_rollups_equal_rows(migrated_database)


def test_the_list_holds_hashes_of_every_form(migrated_database: str) -> None:
    long = Identity(Kind.USER, ("x" * 300,))
    erase_identity(migrated_database, long)
    with connect(migrated_database) as conn:
        listed = erased_hashes(conn)
    assert listed[Kind.TENANT] == frozenset()
    assert listed[Kind.USER] == {value_hash(Kind.USER, form) for form in (*long.forms, *long.stored())}
    assert len(listed[Kind.USER]) == 2


@pytest.fixture(scope="module")
def one_database() -> object:
    with fresh_database("postgres", "migrated", apply_migrations) as uri:
        yield uri


PEOPLE = ("alice", "bob", "unknown")


@settings(max_examples=examples(6, suite=4), suppress_health_check=[HealthCheck.too_slow])
@given(
    made=st.lists(
        st.tuples(
            st.sampled_from(PEOPLE),
            st.sampled_from(["acme", "globex"]),
            st.integers(0, 120),
            st.integers(0, 99),
        ),
        min_size=1,
        max_size=25,
    ),
    kept_first=st.booleans(),
    who=st.sampled_from([("user", "alice"), ("tenant", "acme"), ("user", "nobody")]),
    salt=st.integers(0, 2**60),
)
@pytest.mark.postgres
def test_erasing_keeps_every_sum_and_twice_equals_once(
    one_database: str,
    made: list[tuple[str, str, int, int]],
    kept_first: bool,
    who: tuple[str, str],
    salt: int,
) -> None:
    with connect(one_database) as conn:
        conn.execute(
            "TRUNCATE _genai.model_call, _genai.call_key, _genai.usage_minute, _genai.usage_hour,"
            " _genai.usage_identity_hour, _genai.usage_identity_day, _genai.identity, _genai.fold,"
            " _genai.dimension_day, _genai.erased, _genai.day_close;"
            " UPDATE _genai.floor SET time = '-infinity'"
        )
    stored(
        one_database,
        [call(f"{salt} {n}", user_id=user, tenant_id=tenant, time_ns=NOON_NS - days * DAY_NS,
              input_tokens=tokens)
         for n, (user, tenant, days, tokens) in enumerate(made)],
        {USER: 2},
    )  # fmt: skip
    if kept_first:
        keep(one_database, Periods(), NOW)
    before = [totals(one_database, view) for view in VIEWS], by_identity(one_database)
    identity = Identity(Kind(who[0]), (who[1],))
    for _ in range(2):
        erase_identity(one_database, identity, caps={USER: 2})
        assert before == ([totals(one_database, view) for view in VIEWS], by_identity(one_database))
        assert_rollups_equal_rows(one_database)
        assert f'"{who[1]}"' not in everything(one_database)


def test_a_data_mode_goes_with_sums_and_keys_and_the_book_says_what_left(migrated_database: str) -> None:
    demo = [
        call(f"demo {n}", data_mode="demo", response_id=f"resp_abcdef0123456789{n:04}",
             time_ns=NOON_NS - (100 if n < 2 else 1) * DAY_NS)
        for n in range(5)
    ]  # fmt: skip
    stored(migrated_database, demo)
    keep(migrated_database, Periods(), NOW)
    real = [call(f"real {n}", external_request_id="r", request_id_given=True) for n in range(3)]
    stored(migrated_database, real)
    with connect(migrated_database) as conn:
        reach = reach_of_data_mode(conn, "demo")
    assert reach.calls == 3
    assert reach.rollups > 3
    erased = erase_data_mode(migrated_database, "demo", by="pytest")
    assert (erased.calls, erased.cost_pico_usd) == (5, -3000)
    with connect(migrated_database) as conn:
        assert reach_of_data_mode(conn, "demo") == (0, 0, 0, 0)
    assert totals(migrated_database) == totals(migrated_database, "genai.usage_hour") == (3, 1, 1620, 1800)
    assert_rollups_equal_rows(migrated_database)
    assert (
        rows(
            migrated_database,
            "SELECT * FROM genai.as_of(now(), '2026-01-01', '2027-01-01') WHERE data_mode = 'demo'",
        )
        == []
    )
    lines = "SELECT data_mode, sum(calls)::int, sum(cost_pico_usd)::int FROM genai.ledger_line GROUP BY 1"
    assert rows(migrated_database, lines) == [("demo", -5, -3000)]
    stored(migrated_database, demo[2:])  # no key is left that knows them
    assert totals(migrated_database)[0] == 6
    assert erase_data_mode(migrated_database, "test").calls == 0
    assert erase_data_mode(migrated_database, "demo").calls == 3


def test_real_calls_are_never_erased(migrated_database: str) -> None:
    stored(migrated_database, [call("a")])
    for mode in ("real", "Real", "", "prod"):
        with pytest.raises(BadData, match="never"):
            erase_data_mode(migrated_database, mode)
    assert totals(migrated_database)[0] == 1
