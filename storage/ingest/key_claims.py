"""Which calls of a batch are new: keys chosen inside the batch, then claimed in the database (LEDGER §1–§5).

The usual batch holds new calls only: all its keys are inserted in one statement, their number says so, and
nothing is read back. Only else the slower path finds, call by call, what was known already and why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from struct import Struct
from typing import Any, NamedTuple

import psycopg

from processor.calls.call import Flag, ModelCall
from processor.calls.precedence import usage_rank
from processor.calls.same_call import Times, overlap, reach, same_by_id
from processor.calls.telling import TELLINGS
from storage.connection import copy_in
from storage.ingest.call_keys import (
    claimed_ms,
    is_strong,
    keys_of_spans,
    own_key,
    own_key_of,
    own_keys_of_others,
    repeat_keys,
    request_keys,
    response_keys,
)
from storage.ingest.uncounted import Spot
from storage.pgwire import COPY_HEADER, COPY_TRAILER, POSTGRES_EPOCH_US, timestamp_array, uuid_array
from storage.statements import query

Connection = psycopg.Connection[Any]

_FROM_LOG, _PROMOTED = int(Flag.FROM_LOG), int(Flag.PROMOTED)

INSERT_KEYS, COPY_NEW_KEYS = query("insert_keys"), query("copy_new_keys")
FIND_OWNERS, POINT_KEYS = query("find_owners"), query("point_keys")

CAREFUL_BATCHES = 64
"""Batches that expect known keys after one was met; with many duplicates one batch in 64 is begun twice."""


class SeenBefore(Exception):
    """A key that was expected to be new is known; the transaction has failed and starts again with care."""


class ConflictForecast:
    """Whether the next batch should expect known keys, of calls and of requests apart."""

    def __init__(self) -> None:
        self._left = {"calls": 0, "requests": 0}

    def is_needed(self, kind: str) -> bool:
        """True if known keys are expected."""
        return self._left[kind] > 0

    def met(self, kind: str) -> None:
        """A key was known."""
        self._left[kind] = CAREFUL_BATCHES

    def settle(self) -> None:
        """A batch is done."""
        self._left = {kind: max(left - 1, 0) for kind, left in self._left.items()}


class Twin(NamedTuple):
    """A counted call that another span may be the same as; times in microseconds since 2000."""

    call: bytes
    time_us: int
    times: Times
    tokens: tuple[int | None, int | None]
    is_stored: bool
    """False for a call of this batch."""
    from_log: bool = False

    @property
    def spot(self) -> Spot:
        """Where it stands."""
        return self.call, self.time_us


class KeyClaims:
    """The keys of a batch's calls, and what became of each call.

    Attributes:
        own: own key per call.
        times_us: `time` per call as stored.
        is_accepted: False for a resend or a duplicate.
        twins: call index → the counted call it is a duplicate of (resends are not in it).
        told_before: index of a resend → the counted call that its span came together with.
        known_spans: (trace id, span id) of resent spans of which nothing has to be kept again.
        repeated: indexes of calls whose response id was seen before without overlap.
        further: index of an accepted call, of a duplicate, or of a resend with a new span → for each of its
            response ids the first other counted call that has it.
        requests: 1 where the call counts a logical request, else 0.
    """

    def __init__(self, calls: Sequence[ModelCall]) -> None:
        self.calls = calls
        self.own: list[bytes] = []
        self.times_us: list[int] = []
        self.is_accepted = [True] * len(calls)
        self.twins: dict[int, Twin] = {}
        self.told_before: dict[int, Twin] = {}
        self.known_spans: set[tuple[bytes, bytes]] = set()
        self.repeated: set[int] = set()
        self.further: dict[int, list[Twin]] = {}
        self.requests = [1] * len(calls)
        self._keys: list[tuple[bytes, ...]] = []
        self._of_others: dict[int, tuple[bytes, ...]] = {}
        self._request_keys: list[tuple[bytes, ...]] = []
        self._owners: dict[bytes, int] = {}
        self._collided = False
        self._read()

    def _read(self) -> None:
        """Keys of every call; in one loop, since this runs once per call (1.6 us)."""
        own, times_us, all_keys, request = self.own, self.times_us, self._keys, self._request_keys
        owners = self._owners
        for index, call in enumerate(self.calls):
            time_ns = call.time_ns
            at_ms = (call.claimed_time_ns if call.flags & 1 else call.claimed_time_ns or time_ns) // 1_000_000
            key = own_key(call, at_ms)
            keys = response_keys(call, at_ms) if call.response_id or call.dialect in TELLINGS else ()
            if call.span_response_ids is not None:
                keys = self._keys_of_spans(index, key, at_ms)
            elif not keys or call.report_key or call.flags & _PROMOTED:
                keys = (key, *keys)
            for claimed in keys:
                if owners.setdefault(claimed, index) != index:
                    self._collided = True
            own.append(key)
            times_us.append(time_ns // 1000 - POSTGRES_EPOCH_US)
            all_keys.append(keys)
            request.append(request_keys(call, at_ms) if call.request_id_given else ())

    def _keys_of_spans(self, index: int, own: bytes, at_ms: int) -> tuple[bytes, ...]:
        """What a call of several spans is found by; the own keys of the others are claimed beside it."""
        call = self.calls[index]
        others = self._of_others[index] = own_keys_of_others(call)
        for key in others:
            if self._owners.setdefault(key, index) != index:
                self._collided = True
        return keys_of_spans(own, call, at_ms)

    def settle(self, conn: Connection, care: ConflictForecast) -> None:
        """Claim the keys and decide about every call, inside the caller's transaction.

        Raises:
            SeenBefore: start again; `care` knows now.
        """
        inserted = self._claim(conn, self._owners, "calls", care)
        if self._collided or inserted != len(self._owners):
            care.met("calls")
            _Conflicts(self).decide(conn, care)
        self._settle_requests(conn, care)

    def _claim(self, conn: Connection, owners: dict[bytes, int], kind: str, care: ConflictForecast) -> int:
        """Offer keys for their calls, or for what those are duplicates of; returns how many were new."""
        if not owners:
            return 0
        if not self.twins:
            calls = [self.own[i] for i in owners.values()]
            times = [self.times_us[i] for i in owners.values()]
        else:
            found = [self.twins.get(i) for i in owners.values()]
            calls = [t.call if t else self.own[i] for i, t in zip(owners.values(), found, strict=True)]
            times = [
                t.time_us if t else self.times_us[i] for i, t in zip(owners.values(), found, strict=True)
            ]
        if care.is_needed(kind):
            parameters = (uuid_array(list(owners)), uuid_array(calls), timestamp_array(times))
            return conn.execute(INSERT_KEYS, parameters, prepare=True).rowcount
        try:
            copy_in(conn, COPY_NEW_KEYS, _key_rows(zip(owners, calls, times, strict=True)))
            return len(owners)
        except psycopg.errors.UniqueViolation as error:
            care.met(kind)
            raise SeenBefore from error

    def _settle_requests(self, conn: Connection, care: ConflictForecast) -> None:
        """Count each logical request once: where its first committed call stands (LEDGER §5)."""
        owners: dict[bytes, int] = {}
        for index in self._request_order():
            keys = self._request_keys[index]
            known = next((owners[key] for key in keys if key in owners), None)
            if known is not None:
                self.requests[index] = 0
            for key in keys:
                owners.setdefault(key, index if known is None else known)
        if self._claim(conn, owners, "requests", care) != len(owners):
            care.met("requests")
            for key in find_owners(conn, owners):
                self.requests[owners[key]] = 0

    def _request_order(self) -> Iterable[int]:
        """Duplicates of stored calls first (their request is that call's), then accepted calls, the rest."""
        everything = range(len(self.calls))
        if not self.twins:
            return (i for i in everything if self._request_keys[i])
        return sorted(
            (i for i in everything if self._request_keys[i]),
            key=lambda i: (0 if i in self.twins and self.twins[i].is_stored else 2 - self.is_accepted[i], i),
        )


_THREE = (3).to_bytes(2, "big")
_pack_key = Struct("!2s i16s i16s iq").pack


def _key_rows(claimed: Iterable[tuple[bytes, bytes, int]]) -> bytes:
    """(key, call, time) each as a COPY stream, by key: writers that claim the same then wait in one order."""
    rows = sorted([_pack_key(_THREE, 16, key, 16, call, 8, time_us) for key, call, time_us in claimed])
    return b"".join((COPY_HEADER, *rows, COPY_TRAILER))


class _Conflicts:
    """The path for a batch in which something was seen before."""

    def __init__(self, claims: KeyClaims) -> None:
        self.claims = claims
        self.accepted_by_key: dict[bytes, list[Twin]] = {}
        self.accepted_own: set[bytes] = set()
        self.stood_for: dict[bytes, Twin] = {}
        """Own keys of spans of this batch that came together with the call that counts."""

    def decide(self, conn: Connection, care: ConflictForecast) -> None:
        claims = self.claims
        asked = {key for keys in (claims.own, *claims._keys, *claims._of_others.values()) for key in keys}
        stored = find_owners(conn, asked)
        further: list[int] = []
        for index in sorted(range(len(claims.calls)), key=self._rank):
            self._decide_one(index, stored, further)
        if further:
            self._claim_further(conn, further, care)
        self._point_to_twins(conn, stored)

    def _rank(self, index: int) -> tuple[int, int]:
        """The better usage first, then the order of arrival (LEDGER §2, §6)."""
        return usage_rank(self.claims.calls[index]), index

    def _decide_one(self, index: int, stored: dict[bytes, Twin], further: list[int]) -> None:
        claims = self.claims
        own, keys, mine = claims.own[index], claims._keys[index], self._as_twin(index)
        known = [stored[key] for key in keys if key in stored]
        known += [twin for key in keys for twin in self.accepted_by_key.get(key, ())]
        told = stored.get(own) or self.stood_for.get(own)
        if own in self.accepted_own or any(t.call == own for t in (*known, told) if t is not None):
            claims.is_accepted[index] = False
            if not self._note_known(index, stored, is_own=True):
                self._note_further(index, stored)
            return
        if told is not None:
            claims.is_accepted[index] = False
            claims.told_before[index] = told
            claims._request_keys[index] = ()
            self._note_known(index, stored)
            self._stand_for(index, told)
            return
        same = next((twin for twin in known if self._is_same(index, mine, twin)), None)
        if same is not None:
            claims.is_accepted[index] = False
            claims.twins[index] = same
            self._stand_for(index, same)
            self._note_further(index, stored, same)
            for key in keys:  # its other ids lead there as well, for the calls that follow
                self.accepted_by_key.setdefault(key, []).append(same)
            return
        if known:
            further.append(index)
            self._note_further(index, stored)
            if is_strong(claims.calls[index].response_id or ""):
                claims.repeated.add(index)
        self.accepted_own.add(own)
        for key in keys:
            self.accepted_by_key.setdefault(key, []).append(mine)
        self._stand_for(index, mine)

    def _note_known(self, index: int, stored: dict[bytes, Twin], *, is_own: bool = False) -> bool:
        """Spans of a resend that all came before; of one that another call stands for, each that did.

        Args:
            is_own: the call counts under its own key, which a strong response id may stand for.

        Returns:
            Whether all came before.
        """
        claims = self.claims
        call = claims.calls[index]
        own = call.trace_id, call.span_id
        ids = [own, *(other[:2] for other in call.other_spans)]
        keys = claims.own[index], *claims._of_others.get(index, ())
        known = {span for span, key in zip(ids, keys, strict=True) if key in stored}
        known |= {own} if is_own else set()
        are_all_known = len(known) == len(set(ids))
        if index in claims.told_before or are_all_known:
            claims.known_spans |= known
        return are_all_known

    def _note_further(self, index: int, stored: dict[bytes, Twin], same: Twin | None = None) -> None:
        """Other calls that have one of its response ids may be one with it by what comes later."""
        claims = self.claims
        apart = {claims.own[index], same.call if same is not None else b""}
        firsts: dict[bytes, Twin] = {}
        for key in claims._keys[index]:
            twins = [stored[key]] if key in stored else []
            twins += self.accepted_by_key.get(key, ())
            first = min(twins, key=lambda twin: (twin.time_us, twin.call), default=None)
            if first is not None and first.call not in apart:
                firsts[first.call] = first
        if firsts:
            claims.further[index] = list(firsts.values())

    def _stand_for(self, index: int, counted: Twin) -> None:
        for key in self.claims._of_others.get(index, ()):
            self.stood_for.setdefault(key, counted)

    def _is_same(self, index: int, mine: Twin, twin: Twin) -> bool:
        """Overlap joins a strong id; a weak one (within its trace) needs the same tokens too."""
        if not self.claims.calls[index].response_id:  # known by what a span and a record both tell
            return overlap(mine.times, twin.times) and mine.from_log != twin.from_log
        strong = is_strong(self.claims.calls[index].response_id or "")
        return same_by_id(mine.times, twin.times, strong, (mine.tokens, twin.tokens))

    def _claim_further(self, conn: Connection, further: list[int], care: ConflictForecast) -> None:
        """A known response id without overlap: the call claims its own key and the id's minute."""
        claims = self.claims
        owners: dict[bytes, int] = {}
        keys: dict[int, tuple[bytes, ...]] = {}
        for index in further:
            call = claims.calls[index]
            keys[index] = repeat_keys(call, claimed_ms(call))
            for key in (claims.own[index], *keys[index]):
                owners.setdefault(key, index)
        if claims._claim(conn, owners, "calls", care) == len(owners):
            return
        stored = find_owners(conn, owners)
        for index in further:
            self._decide_further(index, keys[index], stored)
        gone = [key for key, index in owners.items() if key not in stored and index in claims.twins]
        self._point(conn, {key: claims.twins[owners[key]] for key in gone})

    def _decide_further(self, index: int, keys: tuple[bytes, ...], stored: dict[bytes, Twin]) -> None:
        claims = self.claims
        mine = self._as_twin(index)
        same = stored.get(claims.own[index])
        if same is None:
            same = next(
                (stored[k] for k in keys if k in stored and self._is_same(index, mine, stored[k])), None
            )
        if same is not None:
            claims.is_accepted[index] = False
            claims.repeated.discard(index)
            claims.further[index] = [twin for twin in claims.further[index] if twin.call != same.call]
            if same.call != claims.own[index]:
                claims.twins[index] = same

    def _point_to_twins(self, conn: Connection, stored: dict[bytes, Twin]) -> None:
        """Keys that this batch has just claimed lead to the call that was accepted first with them."""
        claims = self.claims
        moved: dict[bytes, Twin] = {}
        for key, index in claims._owners.items():
            first = claims.twins.get(index) or claims.told_before.get(index)
            first = first or next(iter(self.accepted_by_key.get(key, ())), None)
            if key not in stored and first is not None and first.call != claims.own[index]:
                moved[key] = first
        self._point(conn, moved)
        found = {claims.own[index]: twin for index, twin in claims.twins.items()}
        if found:  # a duplicate that comes again when its call's id says no more is known by its own key
            calls, times = uuid_array([t.call for t in found.values()]), [t.time_us for t in found.values()]
            conn.execute(INSERT_KEYS, (uuid_array(list(found)), calls, timestamp_array(times)), prepare=True)

    def _point(self, conn: Connection, moved: dict[bytes, Twin]) -> None:
        if moved:
            twins = moved.values()
            calls, times = uuid_array([t.call for t in twins]), timestamp_array([t.time_us for t in twins])
            conn.execute(POINT_KEYS, (uuid_array(list(moved)), calls, times))

    def _as_twin(self, index: int) -> Twin:
        call, time_us = self.claims.calls[index], self.claims.times_us[index]
        claimed_us = (call.claimed_time_ns or call.time_ns) // 1000 - POSTGRES_EPOCH_US
        times = reach(claimed_us, call.latency_us, call.flags)
        tokens, from_log = (call.input_tokens, call.output_tokens), bool(call.flags & _FROM_LOG)
        return Twin(self.claims.own[index], time_us, times, tokens, is_stored=False, from_log=from_log)


def claim_served(conn: Connection, spans: Collection[tuple[bytes, bytes, int]]) -> None:
    """Claim the own keys of wrappers that calls below them stand for: should one come alone, it is a resend.

    Args:
        spans: trace id, span id and claimed start in nanoseconds of each.
    """
    if spans:
        keys = uuid_array([own_key_of(*span) for span in spans])
        times = timestamp_array([start_ns // 1000 - POSTGRES_EPOCH_US for *_, start_ns in spans])
        conn.execute(INSERT_KEYS, (keys, keys, times), prepare=True)


def find_owners(conn: Connection, keys: Iterable[bytes]) -> dict[bytes, Twin]:
    """The calls that had claimed these keys before this transaction."""
    rows = conn.execute(FIND_OWNERS, (uuid_array(list(keys)),), binary=True)
    return {
        key: Twin(
            call,
            time_us,
            reach(claimed_us, latency_us, flags or 0),
            (inputs, outputs),
            is_stored=True,
            from_log=bool((flags or 0) & _FROM_LOG),
        )
        for key, call, time_us, claimed_us, latency_us, flags, inputs, outputs in rows
    }
