"""`identities.yaml`: names for users and tenants whose stored form says nothing to people.

version: 1
users:
  - {value: "jane@example.com", label: "Jane, support"}
  - {value: "h:0f3a52c1e9d04b7788aa", label: "nightly batch"}
tenants:
  - {value: acme, label: "Acme GmbH"}
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from processor.admission import fit_text
from processor.errors import ConfigError
from processor.identity import IdentityRules, Kind
from processor.strict_yaml import Value, read_yaml

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


def load_identity_map(path: Path, rules: IdentityRules) -> IdentityMap:
    """Read the file strictly; a value is given as sent or as stored.

    Raises:
        ConfigError: with file, line and reason.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    root = read_yaml(content, path.name)
    labels: dict[tuple[Kind, str], Label] = {}
    if root is not None:
        sections = root.section("version", "users", "tenants", required=("version",))
        if sections["version"].whole() != 1:
            raise sections["version"].error("expected version 1")
        for name, kind in (("users", Kind.USER), ("tenants", Kind.TENANT)):
            for entry in sections[name].items() if name in sections else ():
                label = _label(entry, kind, rules)
                if (kind, label.stored) in labels:
                    raise entry.error("this value has a label already")
                labels[kind, label.stored] = label
    return IdentityMap(tuple(labels.values()), sha256(content).hexdigest())


def _label(entry: Value, kind: Kind, rules: IdentityRules) -> Label:
    values = entry.section("value", "label", required=("value", "label"))
    protector = rules.user if kind is Kind.USER else rules.tenant
    stored = protector(values["value"].text()).stored
    if stored is None:
        raise values["value"].error("names nobody: this value is stored as unknown")
    label = values["label"].text()
    if len(label.encode()) > _MAX_LABEL_BYTES:
        raise values["label"].error(f"at most {_MAX_LABEL_BYTES} bytes")
    return Label(kind, fit_text(stored)[0], label)
