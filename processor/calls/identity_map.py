"""`identities.yaml`: labels for users and tenants, and which tenant a user's calls belong to from which day.

version: 1
users:
  - {value: "jane@example.com", label: "Jane, support", tenant: acme}
  - {value: "jane@example.com", tenant: globex, from: 2026-11-01}
  - {value: "h:0f3a52c1e9d04b7788aa", label: "nightly batch"}
tenants:
  - {value: acme, label: "Acme GmbH"}
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from processor.calls.admission import fit_text
from processor.calls.dates import midnight_ns
from processor.calls.errors import ConfigError
from processor.calls.identity import IdentityRules, Kind
from processor.calls.strict_yaml import Value, read_yaml
from processor.calls.tenants import Assignment

_MAX_LABEL_BYTES: Final = 200


class Label(NamedTuple):
    """A name for a stored value."""

    kind: Kind
    stored: str
    label: str


class IdentityMap(NamedTuple):
    """A file as read. `sha256` is of its bytes."""

    labels: tuple[Label, ...]
    sha256: str
    assignments: tuple[Assignment, ...] = ()


def load_identity_map(path: Path, rules: IdentityRules) -> IdentityMap:
    """Read the file strictly; a value is given as sent or as stored.

    Raises:
        ConfigError: with file, line and reason.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    reader = _Reader(rules)
    root = read_yaml(content, path.name)
    if root is not None:
        reader.read(root)
    return IdentityMap(
        tuple(reader.labels.values()), sha256(content).hexdigest(), tuple(reader.assignments.values())
    )


class _Reader:
    """Entries read so far, by what may stand only once."""

    def __init__(self, rules: IdentityRules) -> None:
        self._rules = rules
        self.labels: dict[tuple[Kind, str], Label] = {}
        self.assignments: dict[tuple[str, int], Assignment] = {}

    def read(self, root: Value) -> None:
        sections = root.section("version", "users", "tenants", required=("version",))
        if sections["version"].whole() != 1:
            raise sections["version"].error("expected version 1")
        for entry in sections["users"].items() if "users" in sections else ():
            self._user(entry)
        for entry in sections["tenants"].items() if "tenants" in sections else ():
            values = entry.section("value", "label", required=("value", "label"))
            self._label(entry, Kind.TENANT, self._stored(Kind.TENANT, values["value"]), values["label"])

    def _user(self, entry: Value) -> None:
        values = entry.section("value", "label", "tenant", "from", required=("value",))
        if "label" not in values and "tenant" not in values:
            raise entry.error("label or tenant is missing")
        stored = self._stored(Kind.USER, values["value"])
        if "label" in values:
            self._label(entry, Kind.USER, stored, values["label"])
        if "tenant" in values:
            self._assign(entry, stored, self._stored(Kind.TENANT, values["tenant"]), values.get("from"))
        elif "from" in values:
            raise values["from"].error("tenant is missing: a label holds for all time")

    def _label(self, entry: Value, kind: Kind, stored: str, label: Value) -> None:
        if (kind, stored) in self.labels:
            raise entry.error("this value has a label already")
        if len(label.text().encode()) > _MAX_LABEL_BYTES:
            raise label.error(f"at most {_MAX_LABEL_BYTES} bytes")
        self.labels[kind, stored] = Label(kind, stored, label.text())

    def _assign(self, entry: Value, user: str, tenant: str, start: Value | None) -> None:
        from_ns = midnight_ns(start.day()) if start else 0
        if (user, from_ns) in self.assignments:
            since = f"from {start.day()}" if start else "without from"
            raise entry.error(f"this user has a tenant {since} already")
        self.assignments[user, from_ns] = Assignment(user, tenant, from_ns)

    def _stored(self, kind: Kind, value: Value) -> str:
        protector = self._rules.user if kind is Kind.USER else self._rules.tenant
        stored = protector(value.text()).stored
        if stored is None:
            raise value.error("identifies no one: this value is stored as unknown")
        return fit_text(stored)[0]
