"""Which tenant a user's calls belong to if no span says so: the assignments of `identities.yaml`.

A tenant that a span says (its own, an ancestor's, the resource's) always wins: an application may serve one
user for several tenants. What the file gives is a fallback by user and time, derived anew whenever user or
file change: so the end state does not depend on what came first.

Source:
    LEDGER §6 (ranks; a fallback loses to every span), DESIGN §9 (`identities.yaml`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final, NamedTuple

from processor.calls.call import ModelCall, Source
from processor.calls.identity import ERASED

ASSIGNED: Final = Source("tenant_id", "<identities.yaml>", 55)
"""Rank of a tenant from the file: after the resource (50), before values without a source (60)."""
_MAX_KNOWN: Final = 4_096
"""Sets of sources remembered with and without the assignment; a few per instrumentation."""


class Assignment(NamedTuple):
    """From this moment on a user's calls belong to a tenant; until the user's next assignment.

    Attributes:
        user, tenant: as stored.
        from_ns: first moment, nanoseconds since 1970 UTC; 0: from the beginning.
    """

    user: str
    tenant: str
    from_ns: int = 0


class Tenants:
    """The assignments in force. Replaced as a whole while receivers and amendments read them."""

    __slots__ = ("_by_user", "_known")

    def __init__(self, assignments: Iterable[Assignment] = ()) -> None:
        self._known: dict[tuple[int, bool], tuple[tuple[Source, ...], tuple[Source, ...]]] = {}
        self.use(assignments)

    def __bool__(self) -> bool:
        """Whether there are any assignments."""
        return bool(self._by_user)

    def use(self, assignments: Iterable[Assignment]) -> None:
        """Put these in force, in one step."""
        by_user: dict[str, tuple[list[int], list[str]]] = {}
        for one in sorted(assignments, key=lambda a: a.from_ns):
            starts, tenants = by_user.setdefault(one.user, ([], []))
            starts.append(one.from_ns)
            tenants.append(one.tenant)
        self._by_user = by_user

    def of(self, user: str | None, time_ns: int) -> str | None:
        """The tenant that a user's call at that time is assigned to; None without an assignment."""
        found = self._by_user.get(user) if user is not None else None
        if found is None:
            return None
        starts, tenants = found
        place = bisect_right(starts, time_ns)
        return tenants[place - 1] if place else None

    def assign(self, call: ModelCall) -> bool:
        """Bring a call's tenant to what the assignments say of its user; True when that changed something.

        A tenant that a span said stays, and so does the one of a user who was erased.
        """
        if call.user_id == ERASED or (call.tenant_id is not None and not is_assigned(call)):
            return False
        tenant = self.of(call.user_id, call.time_ns)
        if tenant == call.tenant_id:
            return False
        call.tenant_id = tenant
        call.sources = self._sources(call.sources, tenant is not None)
        return True

    def _sources(self, sources: tuple[Source, ...], assigned: bool) -> tuple[Source, ...]:
        """The same tuple for the same answer: the dictionary of readings knows them by identity."""
        known = self._known.get((id(sources), assigned))
        if known is None:
            bare = tuple(source for source in sources if source.field != "tenant_id")
            known = sources, (*bare, ASSIGNED) if assigned else bare  # holding the first keeps its id its own
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[id(sources), assigned] = known
        return known[1]


def is_assigned(call: ModelCall) -> bool:
    """Whether the call's tenant came from an assignment, not from a span."""
    return any(source[:2] == ASSIGNED[:2] for source in call.sources)
