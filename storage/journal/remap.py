"""`identities.yaml` in the database: labels and assignments in force, applied to stored calls.

A changed file is in force for what comes from then on; what is stored moves only when `remap` is asked to, by
the one mechanism for change. Money and counts never change, only the tenant under which they stand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from processor.calls.identity import ERASED
from processor.calls.identity_map import IdentityMap
from processor.calls.tenants import Assignment, Tenants
from storage.journal.amender import Amender, Amendment, Change
from storage.journal.stored_row import Row, RowKey
from storage.statements import query
from storage.upkeep.days import days_of_calls
from storage.upkeep.statistics import ensure_statistics

NONE = IdentityMap((), "")
"""Without a file nothing has a label, and no user a tenant."""

Connection = psycopg.Connection[Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1)
_DAY_US = 86_400_000_000


class Cell(NamedTuple):
    """Key by which moves are reported; tenants as stored, `unknown` for none."""

    day: date
    environment: str
    data_mode: str
    before: str
    after: str


class Moved(NamedTuple):
    """Calls that move from one tenant to another, and what they cost."""

    calls: int
    cost_pico_usd: int


def use(conn: Connection, given: IdentityMap) -> None:
    """Put a file in force; people who were erased get neither label nor tenant."""
    labels = [label for label in given.labels if label.stored != ERASED]
    columns = {
        "kinds": [str(label.kind) for label in labels],
        "values": [label.stored for label in labels],
        "labels": [label.label for label in labels],
    }
    with conn.transaction():
        row = conn.execute(query("use_identity_map"), {"sha256": given.sha256}).fetchone()
        assert row is not None
        # The same file under another key or mode has other stored forms: what it says is made anew.
        conn.execute("DELETE FROM _genai.identity_label WHERE map_id = %s", (row[0],))
        conn.execute("DELETE FROM _genai.user_tenant WHERE map_id = %s", (row[0],))
        conn.execute(query("put_identities"), {"map": row[0], **columns, **_asked(given.assignments)})
        conn.execute(query("mark_map_applied"), {"moved": False})


def assignments(conn: Connection) -> tuple[Assignment, ...]:
    """The assignments in force."""
    found = conn.execute(query("read_assignments"))
    return tuple(
        Assignment(user, tenant, 0 if from_us is None else from_us * 1000) for user, tenant, from_us in found
    )


def is_applied(conn: Connection) -> bool:
    """Whether stored calls were brought to what the file in force assigns."""
    row = conn.execute(query("is_map_applied")).fetchone()
    return row is not None and bool(row[0])


def moves(conn: Connection, assigned: Sequence[Assignment]) -> dict[Cell, Moved]:
    """Preview of `remap` with these assignments; nothing is written or locked."""
    calls: Counter[Cell] = Counter()
    costs: Counter[Cell] = Counter()
    for day in _days(conn, assigned):
        for time_us, _, environment, data_mode, before, after, cost in day:
            cell = Cell(_day(time_us), environment, data_mode, before, after)
            calls[cell] += 1
            costs[cell] += cost
    return {cell: Moved(calls[cell], costs[cell]) for cell in calls}


def remap(
    dsn: str, *, why: str = "", by: str = "", caps: dict[int, int] | None = None
) -> tuple[int, int | None]:
    """Bring stored calls to what the file in force assigns; the number that moved, and the run in the book.

    Run again after a crash it moves what had not moved yet; twice is the same as once.

    Raises:
        StorageUnavailable: the database is away; what was committed stays.
    """
    parameters = {"identity_map": "assignments in force"}
    with Amender(dsn, "tag", why=why, by=by, parameters=parameters, caps=caps) as run:
        conn = run.connection()
        ensure_statistics(conn)
        assigned = assignments(conn)
        change = assigning(Tenants(assigned))
        for day in _days(conn, assigned):
            run.apply(Amendment((RowKey(time_us, key),), change) for time_us, key, *_ in day)
        conn.execute(query("mark_map_applied"), {"moved": True})
        return run.applied.rows, run.run_id


def assigning(tenants: Tenants) -> Change:
    """The change that derives a row's tenant from its user again, where no span named one."""

    def change(row: Row) -> Sequence[Row]:
        return (row,) if row.merged_into is None and tenants.assign(row.call) else ()

    return change


def _days(conn: Connection, assigned: Sequence[Assignment]) -> Iterator[list[tuple[Any, ...]]]:
    """Day by day the calls that stand elsewhere, in (time, key) order."""
    asked = _asked(assigned)
    for first, end in days_of_calls(conn):
        parameters = {"first": first, "end": end, **asked}
        if found := conn.execute(query("moves_of_day"), parameters, binary=True).fetchall():
            yield found


def _asked(assigned: Sequence[Assignment]) -> dict[str, list[Any]]:
    return {
        "users": [one.user for one in assigned],
        "from_times": [_moment(one.from_ns) for one in assigned],
        "tenants": [one.tenant for one in assigned],
    }


def _moment(from_ns: int) -> str:
    return str(_EPOCH + timedelta(microseconds=from_ns // 1000)) if from_ns else "-infinity"


def _day(time_us: int) -> date:
    return _EPOCH_DAY + timedelta(days=time_us // _DAY_US)
