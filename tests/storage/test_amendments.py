"""Change after the fact: rows, rollups and the ledger's book move together (LEDGER §6, §7, §19)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from processor.calls.call import MISSING, ModelCall
from processor.calls.merge import take_usage
from processor.pricing.charge import Charge
from storage.dimensions.cardinality import ENDPOINT
from storage.ingest.call_keys import own_key
from storage.ingest.call_row import postgres_us
from storage.ingest.writer import Writer
from storage.journal.amender import Amender, Amendment, retract, set_fields
from storage.journal.stored_row import Row, RowKey
from storage.upkeep.retention import Periods, keep
from tests.sizes import examples
from tests.storage.ledger import (
    NOON_NS,
    PRICED,
    SECOND_NS,
    UNPRICED,
    assert_rollups_equal_rows,
    call,
    rows,
    take_all_away,
    totals,
    value,
    write,
)

pytestmark = pytest.mark.both_servers


def place(made: ModelCall) -> RowKey:
    """Where the row of a call stands."""
    return RowKey(
        postgres_us(made.time_ns), own_key(made, (made.claimed_time_ns or made.time_ns) // 1_000_000)
    )


def amend(dsn: str, kind: str, *amendments: Amendment) -> Any:
    """Apply amendments in a run of their own."""
    with Amender(dsn, kind, why="a test", by="pytest") as amender:
        return amender.apply(amendments)


def stored(dsn: str, calls: Iterable[ModelCall], charge: Charge = PRICED) -> None:
    """Write calls with a writer of their own."""
    writer = Writer(dsn)
    write(writer, list(calls), charge)
    writer.close()


def assert_the_book_adds_up(dsn: str) -> None:
    """Rows = first bookings + lines, by day and line; and rollup = rows."""
    assert_rollups_equal_rows(dsn)
    query = """
        SELECT day, line, sum(calls), sum(cost) FROM (
            SELECT m.time::date AS day, s.line_id AS line, 1 AS calls, m.cost_pico_usd AS cost
            FROM _genai.model_call m JOIN _genai.series s ON s.id = m.series_id WHERE m.merged_into IS NULL
            UNION ALL
            SELECT m.time::date, s.line_id, CASE WHEN m.flags & 4096 = 0 THEN -1 ELSE 0 END,
                -m.first_cost_pico_usd
            FROM _genai.model_call m JOIN _genai.series s ON s.id = coalesce(m.first_series_id, m.series_id)
            UNION ALL
            SELECT l.day, s.id, -l.calls, -l.cost_pico_usd
            FROM _genai.ledger_line l
            JOIN _genai.series s ON s.id = s.line_id AND (s.environment, s.data_mode, s.provider, s.model)
                = (l.environment, l.data_mode, l.provider, l.model)
        ) AS f GROUP BY day, line HAVING sum(calls) <> 0 OR sum(cost) <> 0
    """
    assert rows(dsn, query) == []


def test_a_late_tag_moves_a_call_in_every_rollup_and_leaves_no_empty_bucket(migrated_database: str) -> None:
    late = call("late", endpoint_tag=None, prompt_version=None, user_id=None)
    stored(migrated_database, [late, call("other")])
    applied = amend(
        migrated_database,
        "tag",
        Amendment((place(late),), set_fields(endpoint_tag="search", prompt_version="v2", user_id="u")),
    )
    assert (applied.rows, applied.calls, applied.cost_pico_usd) == (1, 0, 0)
    assert_the_book_adds_up(migrated_database)
    tags = rows(
        migrated_database, "SELECT endpoint_tag, prompt_version, user_id FROM genai.model_call ORDER BY 1"
    )
    assert tags == [("checkout.ai_summary", "summary_v3", "h:0011223344556677"), ("search", "v2", "u")]
    for view in ("usage_minute", "usage_hour", "usage_identity"):
        assert rows(migrated_database, f"SELECT endpoint_tag FROM genai.{view} ORDER BY 1") == [  # noqa: S608
            ("checkout.ai_summary",),
            ("search",),
        ]


def test_a_retracted_duplicate_counts_for_nothing_and_hands_its_request_on(migrated_database: str) -> None:
    named = {"external_request_id": "req_1", "request_id_given": True}
    first, second = call("first", **named), call("second", time_ns=NOON_NS + SECOND_NS, **named)
    stored(migrated_database, [first])
    stored(migrated_database, [second])
    assert rows(migrated_database, "SELECT requests FROM genai.model_call ORDER BY time") == [(1,), (0,)]
    pair = Amendment((place(first), place(second)), retract)
    applied = amend(migrated_database, "retract", pair)
    assert (applied.rows, applied.calls, applied.cost_pico_usd) == (2, -1, -600)
    assert totals(migrated_database) == totals(migrated_database, "genai.usage_hour") == (1, 1, 540, 600)
    assert_the_book_adds_up(migrated_database)
    assert amend(migrated_database, "retract", pair).rows == 0
    assert rows(migrated_database, "SELECT kind, calls, cost_pico_usd FROM genai.ledger_line") == [
        ("retract", -1, -600)
    ]


def with_usage_of(other: ModelCall, charge: Charge) -> Callable[[Row], Iterable[Row]]:
    """A change that gives a row another reading's usage and a price."""

    def change(row: Row) -> Iterable[Row]:
        take_usage(row.call, other)
        row.charge = charge
        return (row,)

    return change


def test_usage_of_a_duplicate_is_taken_whole_and_booked_at_its_price(migrated_database: str) -> None:
    lost = call("lost", input_tokens=None, output_tokens=None, usage_source=MISSING, sources=())
    stored(migrated_database, [lost], Charge("no_usage"))
    other = call("other", input_tokens=700, output_tokens=20, cache_read_tokens=100)
    priced = Charge("priced", 90, 70, 0, 0, 20, 0, 7)
    applied = amend(migrated_database, "merge", Amendment((place(lost),), with_usage_of(other, priced)))
    assert (applied.calls, applied.cost_pico_usd) == (0, 90)
    query = """
        SELECT input_tokens, output_tokens, cache_read_tokens, usage_source, cost_pico_usd,
            first_cost_pico_usd
        FROM genai.model_call
    """
    assert rows(migrated_database, query) == [(700, 20, 100, "provider", 90, None)]
    assert_the_book_adds_up(migrated_database)


def test_a_promoted_wrapper_is_booked_by_the_book_and_not_at_ingest(migrated_database: str) -> None:
    stored(migrated_database, [call("wrapper", flags=4096), call("other")])
    assert rows(migrated_database, "SELECT kind, calls, cost_pico_usd FROM genai.ledger_line") == [
        ("promote", 1, 600)
    ]
    assert rows(migrated_database, "SELECT first_cost_pico_usd, flags FROM genai.model_call ORDER BY 1") == [
        (600, []),
        (None, ["promoted"]),
    ]
    assert_the_book_adds_up(migrated_database)


def test_nothing_is_amended_below_the_raw_floor(migrated_database: str) -> None:
    old = call("old")
    stored(migrated_database, [old])
    with psycopg.connect(migrated_database) as connection:
        connection.execute("UPDATE _genai.floor SET time = '2026-09-22' WHERE level = 'raw'")
    applied = amend(migrated_database, "tag", Amendment((place(old),), set_fields(endpoint_tag="x")))
    assert (applied.rows, applied.missing) == (0, 1)
    assert rows(migrated_database, "SELECT * FROM genai.ledger_run") == []


def test_rows_whose_identity_hours_are_folded_are_amended_in_the_days(migrated_database: str) -> None:
    made = [call("a", tenant_id=None), call("b")]
    stored(migrated_database, made)
    now = datetime.fromtimestamp(NOON_NS // SECOND_NS, UTC) + timedelta(days=40)
    keep(migrated_database, Periods(), now)
    amend(migrated_database, "tag", Amendment((place(made[0]),), set_fields(tenant_id="late tenant")))
    query = """
        SELECT i.tenant_id, u.calls FROM _genai.usage_identity_day u
        JOIN _genai.identity i ON i.id = u.identity_id
        ORDER BY 1
    """
    assert rows(migrated_database, query) == [("acme", 1), ("late tenant", 1)]
    assert_the_book_adds_up(migrated_database)


def test_a_value_beyond_the_cap_of_its_day_is_booked_as_other(migrated_database: str) -> None:
    made = [call(f"{n}", endpoint_tag=f"e{n}") for n in range(3)]
    stored(migrated_database, made)
    with Amender(migrated_database, "tag", caps={ENDPOINT: 3}) as amender:
        amender.apply([Amendment((place(made[0]),), set_fields(endpoint_tag="one too many"))])
    assert value(migrated_database, "SELECT endpoint_tag FROM genai.model_call WHERE endpoint_tag ~ 'many'")
    endpoints = rows(migrated_database, "SELECT endpoint_tag FROM genai.usage_hour ORDER BY 1")
    assert endpoints == [("__other__",), ("e1",), ("e2",)]
    assert_the_book_adds_up(migrated_database)


# Any interleaving

TAGS = ("endpoint_tag", "tenant_id", "environment", "prompt_version")


class Ledger(RuleBasedStateMachine):
    """Ingest, amendments, retractions and promotions in any order; after each the rollups are the rows."""

    dsn = ""

    @initialize()
    def begin(self) -> None:
        take_all_away(self.dsn)
        self.writer = Writer(self.dsn)
        self.calls: list[ModelCall] = []

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            self.writer.close()

    @rule(count=st.integers(1, 4), endpoint=st.sampled_from([None, "a", "b"]), promoted=st.booleans(),
          cost=st.one_of(st.none(), st.integers(0, 10**12)), back=st.integers(0, 3))  # fmt: skip
    def ingest(self, count: int, endpoint: str | None, promoted: bool, cost: int | None, back: int) -> None:
        begun = NOON_NS - back * 40_000 * SECOND_NS
        made = []
        for n in range(count):
            number = len(self.calls) + n
            made.append(
                call(
                    str(number), endpoint_tag=endpoint, time_ns=begun + n * 700_000_000,
                    flags=4096 * promoted, external_request_id=f"r{number // 3}", request_id_given=True,
                )
            )  # fmt: skip
        charge = UNPRICED if cost is None else Charge("priced", cost, cost, 0, 0, 0, 0)
        write(self.writer, made, charge)
        self.calls += made

    @precondition(lambda self: len(self.calls) > 1)
    @rule(
        data=st.data(),
        text=st.sampled_from(["a", "b", "c", "staging"]),
        field=st.sampled_from((*TAGS, "model")),
    )
    def tag(self, data: st.DataObject, text: str, field: str) -> None:
        chosen = data.draw(st.lists(st.integers(0, len(self.calls) - 1), min_size=1, max_size=6))
        changes = [Amendment((place(self.calls[n]),), set_fields(**{field: text})) for n in chosen]
        amend(self.dsn, "tag", *changes)

    @precondition(lambda self: len(self.calls) > 1)
    @rule(data=st.data(), cost=st.integers(0, 10**12), status=st.sampled_from(["priced", "unpriced_model"]))
    def price(self, data: st.DataObject, cost: int, status: str) -> None:
        charge = Charge(status) if status != "priced" else Charge("priced", cost, 0, 0, 0, cost, 0)

        def change(row: Row) -> Iterable[Row]:
            row.charge = charge
            return (row,)

        chosen = data.draw(st.lists(st.integers(0, len(self.calls) - 1), min_size=1, max_size=6))
        amend(self.dsn, "reprice", *(Amendment((place(self.calls[n]),), change) for n in chosen))

    @precondition(lambda self: len(self.calls) > 1)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        number = st.integers(0, len(self.calls) - 1)
        loser, winner = (place(self.calls[data.draw(number)]) for _ in range(2))
        amend(self.dsn, "retract", Amendment((loser, winner), retract))

    @invariant()
    def the_book_adds_up(self) -> None:
        if hasattr(self, "writer"):
            assert_the_book_adds_up(self.dsn)


def test_rollups_and_book_follow_any_sequence(migrated_database: str) -> None:
    machine = type("Here", (Ledger,), {"dsn": migrated_database})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples(8), stateful_step_count=10))
