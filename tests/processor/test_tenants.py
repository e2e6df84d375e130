"""Whose a user's calls are where no span says it."""

from __future__ import annotations

from typing import Any

import pytest

from processor.calls.admission import Admission, admit
from processor.calls.call import ModelCall, Source
from processor.calls.identity import ERASED, Mode, identity_rules
from processor.calls.tenants import ASSIGNED, Assignment, Tenants, is_assigned

TENANTS = Tenants(
    [Assignment("jane", "globex", 200), Assignment("jane", "acme"), Assignment("ken", "acme", 200)]
)
SAID = (Source("model", "m", 10), Source("tenant_id", "tenant.id", 0))


@pytest.mark.parametrize(
    ("user", "time_ns", "tenant"),
    [
        ("jane", 199, "acme"),
        ("jane", 200, "globex"),
        ("jane", 10**18, "globex"),
        ("ken", 199, None),
        ("ken", 200, "acme"),
        ("somebody", 200, None),
        (None, 200, None),
    ],
)
def test_an_assignment_holds_from_its_moment_until_the_next(
    user: str | None, time_ns: int, tenant: str | None
) -> None:
    call = ModelCall(user_id=user, time_ns=time_ns, sources=SAID[:1])
    assert TENANTS.of(user, time_ns) == tenant
    assert TENANTS.assign(call) is (tenant is not None)
    assert (call.tenant_id, is_assigned(call)) == (tenant, tenant is not None)
    assert call.sources == ((*SAID[:1], ASSIGNED) if tenant else SAID[:1])
    assert TENANTS.assign(call) is False


def test_what_a_span_says_stands() -> None:
    call = ModelCall(user_id="jane", tenant_id="initech", time_ns=300, sources=SAID)
    assert TENANTS.assign(call) is False
    assert call.tenant_id == "initech"


def test_an_assignment_follows_the_file_and_the_user() -> None:
    call = ModelCall(user_id="jane", time_ns=300, sources=SAID[:1])
    TENANTS.assign(call)
    assert Tenants([Assignment("jane", "initech")]).assign(call)
    assert call.tenant_id == "initech"
    call.user_id = "ken"
    assert TENANTS.assign(call)
    assert call.tenant_id == "acme"
    assert Tenants().assign(call)
    assert (call.tenant_id, call.sources) == (None, SAID[:1])


def test_the_tenant_of_an_erased_user_stays() -> None:
    call = ModelCall(user_id="jane", time_ns=300, sources=SAID[:1])
    TENANTS.assign(call)
    call.user_id = ERASED
    assert Tenants().assign(call) is False
    assert call.tenant_id == "globex"


def test_calls_of_one_reading_share_their_sources() -> None:
    bare = SAID[:1]
    calls = [ModelCall(user_id="jane", time_ns=time, sources=bare) for time in (100, 300)]
    assert all(map(TENANTS.assign, calls))
    assert calls[0].sources is calls[1].sources


def admitted(**fields: Any) -> ModelCall:
    now = 1_790_000_000 * 10**9
    rules = Admission(
        identity_rules([b"a key of the tests"], user=Mode.PLAIN),
        tenants=Tenants([Assignment("jane", "acme", now), Assignment("jane", "before")]),
    )
    call = ModelCall(time_ns=now, received_ns=now, **fields)
    assert admit(call, rules) is None
    return call


def test_the_door_assigns_whom_no_span_assigned() -> None:
    assert admitted(user_id="jane").tenant_id == "acme"
    assert admitted(user_id="jane", tenant_id="null").tenant_id == "acme"
    assert admitted(user_id="jane", tenant_id="globex").tenant_id == "globex"
    assert admitted(user_id="ken").tenant_id is None
