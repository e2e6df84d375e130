"""`identities.yaml` in the database: the newest file is in force, stored calls follow, the erased do not."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from hashlib import sha256
from itertools import count
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from processor.calls.call import ModelCall, Source
from processor.calls.identity import ERASED, Kind
from processor.calls.identity_map import IdentityMap, Label
from processor.calls.tenants import Assignment, Tenants
from storage.connection import connect
from storage.ingest.writer import Writer
from storage.journal import remap as identities
from storage.journal.erasure import Identity, erase_identity
from tests.receiver.spans import CHAT, T0, Made
from tests.running import ROOT
from tests.sizes import examples
from tests.storage.late import Late, assert_the_books_balance, late_ledger
from tests.storage.ledger import (
    NOON_NS,
    SECOND_NS,
    assert_rollups_equal_rows,
    call,
    rows,
    totals,
    write,
)

FIRST = IdentityMap((Label(Kind.USER, "u", "Uta"), Label(Kind.TENANT, "u", "U Ltd")), "a" * 64)
SECOND = IdentityMap((Label(Kind.USER, "u", "Uta B."),), "b" * 64)
LABELS = "SELECT kind, value, label FROM genai.identity_label ORDER BY 1"


def use(dsn: str, given: IdentityMap) -> None:
    with connect(dsn) as conn:
        identities.use(conn, given)


def test_the_file_that_was_loaded_last_is_in_force(migrated_database: str) -> None:
    assert rows(migrated_database, LABELS) == []
    use(migrated_database, FIRST)
    both = [("tenant", "u", "U Ltd"), ("user", "u", "Uta")]
    assert rows(migrated_database, LABELS) == both
    use(migrated_database, SECOND)
    assert rows(migrated_database, LABELS) == [("user", "u", "Uta B.")]
    use(migrated_database, FIRST)
    assert rows(migrated_database, LABELS) == both
    use(migrated_database, identities.NONE)
    assert rows(migrated_database, LABELS) == []


def test_the_erased_lose_their_labels_and_get_none_again(migrated_database: str) -> None:
    use(migrated_database, FIRST)
    erase_identity(migrated_database, Identity(Kind.USER, ("u",)))
    assert rows(migrated_database, LABELS) == [("tenant", "u", "U Ltd")]
    use(migrated_database, SECOND)
    assert rows(migrated_database, LABELS) == []
    use(migrated_database, FIRST)
    assert rows(migrated_database, LABELS) == [("tenant", "u", "U Ltd")]


# Tenants of users

DAY_NS = 86_400 * SECOND_NS
DAYS = 6
"""Calls lie on the days 1 to 6 before noon of the tests."""


def day_ns(day: int) -> int:
    """Midnight so many days before the noon of the tests."""
    return (NOON_NS // DAY_NS - day) * DAY_NS


def assigning(*assignments: Assignment) -> IdentityMap:
    return IdentityMap((), sha256(repr(assignments).encode()).hexdigest(), assignments)


def store(dsn: str, *calls: ModelCall, tenants: Tenants | None = None) -> None:
    for one in calls:
        if tenants is not None:
            tenants.assign(one)
    writer = Writer(dsn)
    write(writer, list(calls))
    writer.close()


def of_user(name: str, user: str | None, day: int, **fields: Any) -> ModelCall:
    at = day_ns(day) + 9 * 3_600 * SECOND_NS
    return call(name, user_id=user, time_ns=at, **({"tenant_id": None} | fields))


def tenants_of(dsn: str) -> dict[str, str]:
    return dict(rows(dsn, "SELECT span_id, tenant_id FROM genai.model_call"))


def span_of(name: str) -> str:
    return call(name).span_id.hex()


def test_a_tenant_from_a_date_moves_what_is_after_it_and_nothing_before(migrated_database: str) -> None:
    names = {f"jane {day}": of_user(f"jane {day}", "jane", day) for day in (1, 2, 3, 4)}
    store(
        migrated_database, *names.values(), of_user("ken 1", "ken", 1),
        of_user("said", "jane", 1, tenant_id="globex", sources=(Source("tenant_id", "tenant.id", 0),)),
    )  # fmt: skip
    given = assigning(Assignment("jane", "acme", day_ns(3)), Assignment("jane", "umbrella", day_ns(1)))
    before, measured = totals(migrated_database), calls_and_costs(migrated_database)
    with connect(migrated_database) as conn:
        told = identities.moves(conn, given.assignments)
        assert tenants_of(migrated_database)[span_of("jane 3")] == "unknown"
        identities.use(conn, given)
        assert not identities.is_applied(conn)
    moved, run_id = identities.remap(migrated_database, why="a new contract", by="tests")
    assert moved == sum(cell.calls for cell in told.values()) == 3
    assert sorted((str(c.day)[-2:], c.before, c.after, m.calls) for c, m in told.items()) == [
        ("18", "unknown", "acme", 1), ("19", "unknown", "acme", 1), ("20", "unknown", "umbrella", 1),
    ]  # fmt: skip
    found = tenants_of(migrated_database)
    assert [found[span_of(f"jane {day}")] for day in (4, 3, 2, 1)] == ["unknown", "acme", "acme", "umbrella"]
    assert (found[span_of("ken 1")], found[span_of("said")]) == ("unknown", "globex")
    assert totals(migrated_database) == before
    assert calls_and_costs(migrated_database) == measured
    assert_the_books_balance(migrated_database)
    booked = rows(migrated_database, "SELECT id, kind, why, calls, finished_at IS NULL FROM genai.ledger_run")
    assert booked == [(run_id, "tag", "a new contract", 3, False)]
    with connect(migrated_database) as conn:
        assert identities.is_applied(conn)
        assert identities.moves(conn, given.assignments) == {}
    assert identities.remap(migrated_database) == (0, None)


def calls_and_costs(dsn: str) -> list[tuple[Any, ...]]:
    """Sums by hour and identity without the tenant: what no assignment may change."""
    return rows(
        dsn,
        "SELECT i.user_id, sum(u.calls), sum(u.input_tokens), sum(u.output_cost_pico_usd)"
        " FROM _genai.usage_identity_hour u JOIN _genai.identity i ON i.id = u.identity_id"
        " GROUP BY 1 ORDER BY 1",
    )


def test_a_file_that_stored_calls_follow_is_told_from_one_that_they_do_not(migrated_database: str) -> None:
    with connect(migrated_database) as conn:
        identities.use(conn, assigning(Assignment("jane", "acme")))
        assert identities.is_applied(conn), "nothing is stored, so nothing has to move"
        store(migrated_database, of_user("a", "jane", 1))
        identities.use(conn, assigning(Assignment("jane", "acme"), Assignment("ken", "acme")))
        assert not identities.is_applied(conn)
        identities.use(conn, identities.NONE)
        assert not identities.is_applied(conn)
        identities.use(conn, IdentityMap((), "c" * 64, (Assignment("jane", "acme"),)))
        assert identities.is_applied(conn), "another file that says the same"


def test_the_erased_are_assigned_to_nobody_and_nobody_to_them(migrated_database: str) -> None:
    given = assigning(Assignment("jane", "acme"), Assignment("ken", "globex"))
    store(
        migrated_database, of_user("a", "jane", 1), of_user("b", "ken", 1), tenants=Tenants(given.assignments)
    )
    use(migrated_database, given)
    erase_identity(migrated_database, Identity(Kind.USER, ("jane",)))
    erase_identity(migrated_database, Identity(Kind.TENANT, ("globex",)))
    for _ in range(2):
        with connect(migrated_database) as conn:
            assert identities.assignments(conn) == (Assignment("ken", ERASED),)
        assert identities.remap(migrated_database) == (0, None)
        found = rows(migrated_database, "SELECT tenant_id, user_id FROM genai.model_call ORDER BY 1")
        assert found == [(ERASED, "ken"), ("acme", ERASED)]
        use(migrated_database, given)  # the same file again, at the next start


KILLED = textwrap.dedent("""
    import sys
    from storage.journal import amender as amendments
    from storage.journal import remap as identities
    amendments.MAX_ROWS = 5
    booked = amendments.Amender.transact
    def slowly(self, step):
        applied = booked(self, step)
        print(applied.rows, flush=True)
        sys.stdin.readline()
        return applied
    amendments.Amender.transact = slowly
    identities.remap(sys.argv[1])
""")


def test_a_run_that_is_killed_half_way_and_run_again_ends_the_same(migrated_database: str) -> None:
    store(migrated_database, *(of_user(f"jane {n}", "jane", 1 + n % 3) for n in range(40)))
    use(migrated_database, assigning(Assignment("jane", "acme")))
    command = [sys.executable, "-c", KILLED, migrated_database]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen(command, **pipes) as running:  # type: ignore[call-overload]
        assert running.stdout.readline() == "5\n"
        running.stdin.write("\n")
        running.stdin.flush()
        assert running.stdout.readline() == "5\n"
        running.kill()
    assert sorted(tenants_of(migrated_database).values()).count("acme") == 10
    assert identities.remap(migrated_database)[0] == 30
    assert set(tenants_of(migrated_database).values()) == {"acme"}
    assert_the_books_balance(migrated_database)


USERS, OWNERS = ("jane", "ken", "liz"), ("acme", "globex", "umbrella")
_numbers = count(1)


@st.composite
def files(draw: st.DrawFn) -> tuple[Assignment, ...]:
    keys = draw(st.sets(st.tuples(st.sampled_from(USERS), st.integers(0, DAYS)), max_size=5))
    return tuple(
        Assignment(user, draw(st.sampled_from(OWNERS)), day_ns(day) if day else 0)
        for user, day in sorted(keys)
    )


class Traced(NamedTuple):
    """A call in its own trace, and a root above it that may come in a later request."""

    number: int
    day: int
    user: str | None
    tenant: str | None
    root: dict[str, str]

    def truth(self, tenants: Tenants) -> tuple[str, str]:
        user = self.user or self.root.get("user.id")
        said = self.tenant or self.root.get("tenant.id")
        at = day_ns(self.day) + 3_600 * SECOND_NS
        return said or tenants.of(user, at) or "unknown", user or "unknown"


@st.composite
def traced(draw: st.DrawFn) -> Traced:
    tags = {
        "user.id": draw(st.sampled_from([None, *USERS])),
        "tenant.id": draw(st.sampled_from([None, None, "said"])),
    }
    return Traced(
        next(_numbers), draw(st.integers(1, DAYS)), draw(st.sampled_from([None, *USERS])),
        draw(st.sampled_from([None, None, "own"])), {key: tag for key, tag in tags.items() if tag},
    )  # fmt: skip


def test_the_order_of_calls_files_and_late_tags_does_not_matter(migrated_database: str) -> None:
    with late_ledger(migrated_database) as late:

        @settings(
            max_examples=examples(25), phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
        )
        @given(
            st.lists(traced(), min_size=1, max_size=6), st.lists(files(), min_size=1, max_size=3), st.data()
        )
        def check(
            calls: list[Traced], given_files: list[tuple[Assignment, ...]], data: st.DataObject
        ) -> None:
            steps: list[tuple[str, Any]] = [("call", one) for one in calls] + [("root", one) for one in calls]
            order = data.draw(st.permutations(steps))
            at = sorted(data.draw(st.lists(st.integers(0, len(order)), min_size=len(given_files),
                                           max_size=len(given_files))))  # fmt: skip
            for place, assigned in reversed(list(zip(at, given_files, strict=True))):
                order.insert(place, ("file", assigned))
            for kind, what in order:
                play(late, kind, what)
                if data.draw(st.booleans()):
                    late.bind(1)
                if kind == "file" and data.draw(st.booleans()):
                    identities.remap(migrated_database)
            late.bind(1)
            identities.remap(migrated_database)
            tenants = Tenants(given_files[-1])
            assert {one.number: one.truth(tenants) for one in calls} == ends(late, calls)
            assert_rollups_equal_rows(migrated_database)

        check()
        found = late.rows("SELECT sum(input_tokens), count(*) FROM genai.model_call")
        assert found == late.rows("SELECT sum(input_tokens), sum(calls) FROM genai.usage_hour")


def play(late: Late, kind: str, what: Any) -> None:
    if kind == "file":
        use(late.dsn, assigning(*what))
        late.tenants.use(what)
        return
    trace = what.number.to_bytes(16, "big")
    start = (day_ns(what.day) + 3_600 * SECOND_NS - T0) // 1_000_000
    if kind == "root":
        root = {"gen_ai.operation.name": "invoke_agent", **what.root}
        late.send(Made(root, 1, 0, trace, "root", kind=1, start=start, end=start + 9), minute=0)
        return
    usage = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 7}
    attributes: dict[str, object] = {**CHAT, **usage}
    tags = {"user.id": what.user, "tenant.id": what.tenant}
    attributes |= {key: tag for key, tag in tags.items() if tag}
    late.send(Made(attributes, 2, 1, trace, "chat", start=start, end=start + 5), minute=0)


def ends(late: Late, calls: list[Traced]) -> dict[int, tuple[str, str]]:
    found = {
        trace: ends for trace, *ends in late.rows("SELECT trace_id, tenant_id, user_id FROM genai.model_call")
    }
    return {one.number: tuple(found[one.number.to_bytes(16, "big").hex()]) for one in calls}
