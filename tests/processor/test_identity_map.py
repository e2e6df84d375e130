"""`identities.yaml`: read strictly, by the form that is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from processor.calls.errors import ConfigError
from processor.calls.identity import Kind, identity_rules
from processor.calls.identity_map import Label, load_identity_map
from processor.calls.tenants import Assignment

RULES = identity_rules([b"a key of the tests"])


def load(tmp_path: Path, text: str) -> tuple[Label, ...]:
    path = tmp_path / "identities.yaml"
    path.write_text(text)
    return load_identity_map(path, RULES).labels


def test_a_value_is_named_as_sent_or_as_stored(tmp_path: Path) -> None:
    jane = RULES.user("jane@example.com").stored
    text = """
version: 1
users:
  - {value: "Jane@Example.com", label: "Jane, support"}
  - {value: "h:0f3a52c1e9d04b7788aa", label: batch}
tenants:
  - {value: acme, label: Acme GmbH}
"""
    assert load(tmp_path, text) == (
        Label(Kind.USER, jane or "", "Jane, support"),
        Label(Kind.USER, "h:0f3a52c1e9d04b7788aa", "batch"),
        Label(Kind.TENANT, "acme", "Acme GmbH"),
    )


def test_a_user_belongs_to_one_tenant_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "identities.yaml"
    path.write_text("""
version: 1
users:
  - {value: "h:0f3a52c1e9d04b7788aa", label: Batch, tenant: acme}
  - {value: "h:0f3a52c1e9d04b7788aa", tenant: globex, from: 2026-11-01}
""")
    found = load_identity_map(path, RULES)
    assert [label.label for label in found.labels] == ["Batch"]
    user = "h:0f3a52c1e9d04b7788aa"
    november = 1_793_491_200 * 10**9
    assert found.assignments == (Assignment(user, "acme", 0), Assignment(user, "globex", november))


def test_an_empty_file_names_nobody(tmp_path: Path) -> None:
    assert load(tmp_path, "") == load(tmp_path, "version: 1\nusers:\n") == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("users: []", r"identities.yaml:1: version is missing"),
        ("version: 2", r":1: version: expected version 1"),
        ("version: 1\npeople: []", r":2: people: unknown key"),
        ("version: 1\nusers:\n- {value: a}", r":3: users\[0\]: label or tenant is missing"),
        ("version: 1\ntenants:\n- {value: a, label: b, tenant: c}", r":3: tenants\[0\].tenant: unknown key"),
        ("version: 1\nusers:\n- {value: a, tenant: 'null'}", r":3: users\[0\].tenant: identifies no one"),
        ("version: 1\nusers:\n- {value: a, label: b, from: 2026-01-01}", r":3: .*from: tenant is missing"),
        ("version: 1\nusers:\n- {value: a, tenant: b, from: 1.5.2026}", r":3: .*from: expected a date"),
        (
            "version: 1\nusers:\n- {value: a, tenant: b}\n- {value: a, tenant: c}",
            r":4: users\[1\]: this user has a tenant without from already",
        ),
        (
            "version: 1\nusers:\n- {value: a, tenant: b, from: 2026-01-01}\n"
            "- {value: a, tenant: c, from: 2026-01-01}",
            r":4: users\[1\]: this user has a tenant from 2026-01-01 already",
        ),
        ("version: 1\nusers:\n- {value: 'null', label: b}", r":3: users\[0\].value: identifies no one"),
        (
            "version: 1\ntenants:\n- {value: a, label: b}\n- {value: a, label: c}",
            r":4: tenants\[1\]: .* already",
        ),
        ("version: 1\nusers:\n- {value: a, label: " + "x" * 201 + "}", r"at most 200 bytes"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load(tmp_path, text)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_identity_map(tmp_path / "missing.yaml", RULES)
