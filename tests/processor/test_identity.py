"""What is stored of a user or a tenant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.calls.errors import ConfigError
from processor.calls.identity import (
    ERASED,
    HASH_HEX_DIGITS,
    Kind,
    Mode,
    Protector,
    identity_rules,
    is_hashed,
    keyed_hash,
    looks_like_person,
    value_hash,
)

KEY = b"a deployment key of the tests"
OLDER_KEY = b"the key before that one......"
PEOPLE = [
    "jane.doe@example.com",
    "Jane.Doe+news@Example.COM",
    "user:jane@example.co.uk",
    "jane%40example.com",
    "+49 170 1234567",
    "+4917012345678",
    "0049 170 1234567",
    "(555) 123-4567",
    "555-123-4567",
    "0170 1234567",
    "tel:+15551234567",
    "Jane Doe",
    "Doe, Jane",
    "Jean-Luc Picard",
    "José García Márquez",
    "Conan O'Brien",
    "h:jane@example.com",
    "jane@example.com_hash",
    "sha256:Jane Doe",
]
NOT_PEOPLE = [
    "user-42",
    "acme",
    "tenant_acme_hash",
    "Acme Corp",
    "Acme Inc.",
    "Deutsche Bank AG",
    "1234567890",
    "12345",
    "0000012345",
    "1234-5678-9012",
    "org_01HZXB6MQZ2WQ9D2KCF9M4V2QY",
    "5f4dcc3b-5aa7-65d6-1d83-27deb882cf99",
    "the billing team",
    "eu-west-1",
]


def protector(mode: Mode = Mode.PLAIN, kind: Kind = Kind.USER) -> Protector:
    return Protector(kind, mode, [KEY])


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("value", PEOPLE)
def test_a_person_is_hashed_and_flagged_in_every_mode(value: str, kind: Kind, mode: Mode) -> None:
    stored, raw = protector(mode, kind)(value)
    assert raw
    assert stored is not None
    assert stored.startswith("h:")
    assert "jane" not in stored.lower()


@pytest.mark.parametrize("value", NOT_PEOPLE)
def test_an_opaque_tenant_is_stored_as_sent(value: str) -> None:
    assert protector(Mode.PLAIN, Kind.TENANT)(value) == (value, False)


def test_first_dot_last_is_a_user_name_but_may_be_a_tenant() -> None:
    assert looks_like_person("jane.doe", Kind.USER)
    assert not looks_like_person("acme.prod", Kind.TENANT)


def test_users_are_hashed_and_tenants_plain_by_default() -> None:
    rules = identity_rules([KEY])
    assert rules.user("user-42") == (keyed_hash("user-42", KEY), False)
    assert rules.tenant("acme") == ("acme", False)


@pytest.mark.parametrize(
    "value",
    [
        "sha256:0badc0de",
        "hmac:xyz",
        "h:0011223344556677",
        "tenant_acme_hash",
        "a" * 32,
        "0123456789ABCDEF" * 8,
    ],
)
def test_a_hash_is_kept_as_presented_in_every_mode(value: str) -> None:
    assert is_hashed(value)
    assert [protector(mode)(value) for mode in Mode] == [(value, False)] * 3


@pytest.mark.parametrize("value", ["a" * 31, "a" * 129, "g" * 40, "hash", "hmacx"])
def test_a_look_alike_of_a_hash_is_none(value: str) -> None:
    assert not is_hashed(value)


def test_an_unhashed_value_where_hashes_were_promised_is_hashed_and_flagged() -> None:
    assert protector(Mode.PRESENTED)("user-42") == (keyed_hash("user-42", KEY), True)


@pytest.mark.parametrize("value", ["", "  ", "None", "null", "undefined", "[Scrubbed due to 'session']"])
def test_an_empty_identity_is_none(value: str) -> None:
    assert protector()(value) == (None, False)


def test_the_stored_form_has_the_documented_shape() -> None:
    stored = keyed_hash("user-42", KEY)
    assert len(stored) == 2 + HASH_HEX_DIGITS
    assert is_hashed(stored)
    assert stored == "h:" + stored[2:].lower()


def test_the_newest_key_signs_and_older_forms_stay_findable() -> None:
    rotated = Protector(Kind.USER, Mode.HASH, [KEY, OLDER_KEY])
    assert rotated("user-42").stored == keyed_hash("user-42", KEY)
    forms = rotated.stored_forms("user-42")
    assert forms == (keyed_hash("user-42", KEY), keyed_hash("user-42", OLDER_KEY), "user-42")


def test_a_person_has_no_plain_form() -> None:
    forms = Protector(Kind.USER, Mode.HASH, [KEY, OLDER_KEY]).stored_forms("jane@example.com")
    assert len(forms) == 2
    assert all(form.startswith("h:") for form in forms)


def test_the_case_of_an_address_does_not_split_a_person() -> None:
    assert protector()("Jane@Example.com") == protector()("jane@example.com ")


@pytest.mark.parametrize("keys", [[], [b"short"], [KEY, b""]])
def test_weak_keys_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ConfigError, match=r"identity\.keys"):
        identity_rules(keys)


@given(st.text(max_size=300), st.sampled_from(list(Mode)), st.sampled_from(list(Kind)))
def test_any_text_is_protected_twice_alike(value: str, mode: Mode, kind: Kind) -> None:
    protect = Protector(kind, mode, [KEY])
    first = protect(value)
    assert protect(value) == first
    if first.stored is not None:
        assert not looks_like_person(first.stored, kind)
        assert protect(first.stored).stored == first.stored or mode is not Mode.PLAIN


def test_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.calls.identity._CACHE_LIMIT", 10)
    protect = protector(Mode.HASH)
    for number in range(100):
        protect(f"user-{number}")
    assert len(protect._known) <= 10


def test_a_hostile_value_costs_no_time() -> None:
    hostile = ("a@" * 50_000) + ("A b" * 10_000) + "+1" * 10_000
    assert protector(Mode.HASH)(hostile).stored is not None


def test_an_erased_value_is_stored_as_erased_whatever_key_it_was_hashed_under() -> None:
    old, new = b"o" * 16, b"n" * 16
    before = Protector(Kind.USER, Mode.HASH, [old])
    listed = {value_hash(Kind.USER, form) for form in before.stored_forms("u-1")}
    after = Protector(Kind.USER, Mode.HASH, [new, old])
    assert after("u-1").stored == keyed_hash("u-1", new)  # remembered from before the erasure
    after.erase(listed)
    assert after("u-1") == (ERASED, False)
    assert after(before("u-1").stored or "") == (ERASED, False)
    assert after("u-2").stored == keyed_hash("u-2", new)
    assert Protector(Kind.TENANT, Mode.HASH, [old])("u-1").stored == keyed_hash("u-1", old)
