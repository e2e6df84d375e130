"""Erases an identity, which never changes money, or a data mode, which deletes its calls (LEDGER §20).

An identity goes in this order, so that every moment is consistent and an interrupted run can be repeated:
ingest learns of it (`_genai.erased`), kept calls move to `__erased__` through the one mechanism for change,
sums whose calls are gone move too, and last the value leaves the dictionary. A writer that still holds the
value's id then writes under a name that says `__erased__`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

from processor.calls.admission import fit_text
from processor.calls.errors import BadData
from processor.calls.identity import ERASED, Kind, value_hash
from storage.connection import connect
from storage.dimensions.cardinality import TENANT, USER
from storage.ingest.call_keys import dictionary_id
from storage.journal.amender import (
    ADD_LINES,
    OPEN_RUN,
    Amender,
    Amendment,
    Applied,
    Booking,
    set_fields,
)
from storage.journal.stored_row import JournalKey, RowKey, RowReader, instant
from storage.postings.folder import fold
from storage.statements import query
from storage.upkeep.days import days_of_calls

ERASABLE_MODES = ("test", "demo")
BATCH = 2_000
"""Rows a transaction, as for every amendment (LEDGER §7)."""
_FIELD = {Kind.USER: "user_id", Kind.TENANT: "tenant_id"}
_DIMENSION = {Kind.USER: USER, Kind.TENANT: TENANT}

Connection = psycopg.Connection[Any]


class Identity(NamedTuple):
    """Who is erased.

    Attributes:
        forms: every form under which the value may be stored (`Protector.stored_forms`).
    """

    kind: Kind
    forms: tuple[str, ...]

    def stored(self) -> list[str]:
        """The forms as the ledger holds them, long ones cut."""
        return sorted({fit_text(form)[0] for form in self.forms} - {ERASED, ""})

    def pattern(self) -> str:
        """A regular expression that finds the forms as whole words."""
        escaped = "|".join(re.sub(r"([^\w])", r"\\\1", form) for form in self.stored())
        return f"(?<![[:alnum:]])(?:{escaped})(?![[:alnum:]])"


class Reach(NamedTuple):
    """The extent of an erasure, in rows. `rollups`: rows of sums."""

    calls: int
    rollups: int
    sightings: int
    quarantine: int


class Erased(NamedTuple):
    """Result of an erasure. `calls` moved (identity) or deleted (data mode); money in pico-USD, signed."""

    calls: int
    cost_pico_usd: int = 0
    run_id: int | None = None


def erased_hashes(conn: Connection) -> dict[Kind, frozenset[bytes]]:
    """Values that ingest maps to `__erased__`, by kind."""
    found: dict[Kind, set[bytes]] = {Kind.USER: set(), Kind.TENANT: set()}
    for kind, value in conn.execute(query("read_erased")):
        found[Kind(kind)].add(bytes(value))
    return {kind: frozenset(values) for kind, values in found.items()}


def reach_of_identity(conn: Connection, identity: Identity) -> Reach:
    """Preview of `erase_identity`; nothing is written."""
    asked = _asked(identity)
    ids = [row[0] for row in conn.execute(query("find_identities"), asked)]
    more = {"ids": ids, "field": _FIELD[identity.kind], "pattern": identity.pattern()}
    return _reach(conn, "count_identity", asked | more)


def reach_of_data_mode(conn: Connection, mode: str) -> Reach:
    """Preview of `erase_data_mode`; nothing is written.

    Raises:
        BadData: the mode may not be erased.
    """
    _refuse_real(mode)
    return _reach(conn, "count_data_mode", {"mode": mode})


def erase_identity(
    dsn: str,
    identity: Identity,
    *,
    by: str = "",
    caps: dict[int, int] | None = None,
    settle_seconds: float = 0.0,
) -> Erased:
    """Replace a user or tenant by `__erased__` everywhere, for good; no count and no cost changes.

    Args:
        settle_seconds: how long to wait until running receivers have heard of it.

    Raises:
        StorageUnavailable: the database is away; run it again.
    """
    hashes = [value_hash(identity.kind, form) for form in {*identity.forms, *identity.stored()} - {ERASED}]
    with connect(dsn) as conn:
        conn.execute(query("list_erased"), {"kind": str(identity.kind), "hashes": hashes})
    time.sleep(settle_seconds)
    return _replace(dsn, identity, by, caps)


def erase_again(dsn: str, *, caps: dict[int, int] | None = None) -> Erased:
    """Erase what was erased before and came back, from a receiver that had not heard of it yet."""
    with connect(dsn) as conn:
        back = conn.execute(query("find_erased_again")).fetchall()
    moved = [
        _replace(dsn, Identity(Kind(kind), (value,)), "housekeeping", caps)
        for kind, value in back
        if value != ERASED
    ]
    return Erased(sum(erased.calls for erased in moved))


def erase_data_mode(dsn: str, mode: str, *, by: str = "") -> Erased:
    """Take every call of a data mode away, with its sums and keys; the book says what left.

    Raises:
        BadData: the mode may not be erased: only test and demo are.
        StorageUnavailable: the database is away; run it again.
    """
    _refuse_real(mode)
    with Amender(
        dsn, "erase", why=f"data mode {mode} was erased", by=by, parameters={"data_mode": mode}
    ) as run:
        reader = RowReader()
        for places in _days(run.connection(), "places_of_data_mode", {"mode": mode}):
            for batch in _batches(places):
                run.transact(lambda batch=batch: _take_away(run, reader, batch))  # type: ignore[misc]
        run.transact(lambda: _take_closed(run, mode, by))
        return Erased(-run.applied.calls, run.applied.cost_pico_usd, run.run_id)


# Identities


def _replace(dsn: str, identity: Identity, by: str, caps: dict[int, int] | None) -> Erased:
    field, about = _FIELD[identity.kind], {"kind": str(identity.kind)}
    change = set_fields(**{field: ERASED})
    why = f"a {identity.kind} was erased"
    with Amender(dsn, "erase", why=why, by=by, parameters=about, caps=caps) as run:
        conn = run.connection()
        ids = [row[0] for row in conn.execute(query("find_identities"), _asked(identity))]
        for places in _days(conn, "places_of_identities", {"ids": ids}) if ids else ():
            run.apply(Amendment((place,), change) for place in places)
        run.transact(lambda: _forget(run, identity))
        return Erased(run.applied.rows, 0, run.run_id)


def _forget(run: Amender, identity: Identity) -> Applied:
    """Removes the last traces of the value once its calls have moved, in one transaction."""
    conn, asked = run.connection(), _asked(identity)
    run.floors()
    fold(conn)  # no posting under the old ids is left behind
    found = conn.execute(query("find_identities"), asked).fetchall()
    if found:
        ids = [row[0] for row in found]
        moves = {"ids": ids, **_successors(identity.kind, [row[1:] for row in found])}
        conn.execute(query("insert_identities"), moves)
        conn.execute(query("move_identity_hours"), moves)
        conn.execute(query("move_identity_days"), moves)
        conn.execute(query("erase_identity_texts"), {"kind": asked["kind"], "ids": ids})
    conn.execute(query("erase_admission"), {"dimension": _DIMENSION[identity.kind], **asked})
    conn.execute(query("erase_labels"), asked)
    conn.execute(query("erase_sightings"), {"field": _FIELD[identity.kind], **asked})
    conn.execute(query("erase_quarantine"), {"pattern": identity.pattern()})
    return Applied()


def _successors(kind: Kind, combinations: Sequence[tuple[str, str]]) -> dict[str, list[Any]]:
    """The combination that each becomes, as parameters."""
    new = [(ERASED, user) if kind is Kind.TENANT else (tenant, ERASED) for tenant, user in combinations]
    tenants, users = [tenant for tenant, _ in new], [user for _, user in new]
    return {"new": [dictionary_id("identity", *texts) for texts in new], "tenants": tenants, "users": users}


def _asked(identity: Identity) -> dict[str, object]:
    return {"kind": str(identity.kind), "forms": identity.stored()}


# Data modes


def _refuse_real(mode: str) -> None:
    if mode not in ERASABLE_MODES:
        raise BadData(
            "--data-mode", f"only {' and '.join(ERASABLE_MODES)} can be erased, never {mode!r}: it is spend"
        )


def _take_away(run: Amender, reader: RowReader, places: Sequence[RowKey]) -> Applied:
    conn, floors = run.connection(), run.floors()
    conn.execute("CREATE TEMPORARY TABLE IF NOT EXISTS gone (call uuid NOT NULL)")
    rows = reader.read(conn, [place for place in places if place.time_us >= floors["raw"]])
    if not rows:
        return Applied()
    lines: dict[JournalKey, tuple[int, int]] = {}
    for row in rows.values():
        calls, cost = lines.get(row.line, (0, 0))
        lines[row.line] = calls - row.booked[0], cost - row.booked[1]
    there = sorted(rows)

    def feed(copy: psycopg.Copy) -> None:
        for place in there:
            copy.write_row((instant(place.time_us), place.call_key.hex()))

    booking = Booking(
        there,
        query("copy_places"),
        feed,
        query("delete_amended"),
        lines,
        _sum(len(there), lines),
    )
    run.book(booking)
    return booking.applied


def _take_closed(run: Amender, mode: str, by: str) -> Applied:
    """Sums whose calls are gone already, and everything that led to calls that are gone now."""
    conn = run.connection()
    run.floors()
    conn.execute("SET LOCAL statement_timeout = 0")
    fold(conn)
    conn.execute("CREATE TEMPORARY TABLE IF NOT EXISTS gone (call uuid NOT NULL)")
    closed = conn.execute(query("delete_closed_mode"), {"mode": mode}).fetchall()
    conn.execute(query("delete_gone_keys"))
    conn.execute("DELETE FROM pg_temp.gone")
    conn.execute(query("delete_mode_sightings"), {"mode": mode})
    conn.execute(query("delete_mode_unread"), {"mode": mode})
    if not closed:
        return Applied()
    if run.run_id is None:
        about = {"kind": "erase", "started_by": by, "why": f"data mode {mode} was erased"}
        opened = conn.execute(OPEN_RUN, about | {"parameters": Jsonb({"data_mode": mode})}).fetchone()
        assert opened is not None
        run.run_id = int(opened[0])
    conn.execute(ADD_LINES, (run.run_id, "erase", *(list(column) for column in zip(*closed, strict=True))))
    return Applied(0, 0, sum(row[5] for row in closed), sum(row[6] for row in closed))


def _sum(rows: int, lines: Mapping[JournalKey, tuple[int, int]]) -> Applied:
    return Applied(
        rows, 0, sum(calls for calls, _ in lines.values()), sum(cost for _, cost in lines.values())
    )


# Both


def _reach(conn: Connection, name: str, parameters: Mapping[str, object]) -> Reach:
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        found = cursor.execute(query(name), parameters).fetchone()
    assert found is not None
    return Reach(*(int(getattr(found, field)) for field in Reach._fields))


def _days(conn: Connection, name: str, parameters: Mapping[str, object]) -> Iterator[list[RowKey]]:
    """The places of a query day by day, so that no statement reads more than a day's rows."""
    for first, end in days_of_calls(conn):
        found = conn.execute(query(name), {**parameters, "first": first, "end": end}, binary=True)
        if places := [RowKey(*row) for row in found]:
            yield places


def _batches(places: Sequence[RowKey]) -> Iterable[Sequence[RowKey]]:
    return (places[start : start + BATCH] for start in range(0, len(places), BATCH))
